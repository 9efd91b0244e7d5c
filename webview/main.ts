/** The weights panel's entry. */
import './style/base.css';
import './style/head.css';
import './style/heatmap.css';
import { connectHost } from './host';
import { Panel } from './panel';
import { registerToolkit } from './toolkit';

registerToolkit();
const panel = new Panel(connectHost());
document.body.append(panel.root);
panel.start();
