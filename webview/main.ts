/** The weights panel's entry. */
import './style/base.css';
import './style/head.css';
import './style/heatmap.css';
import './style/charts.css';
import './style/views.css';
import { connectHost } from './host';
import { Panel } from './panel';
import { registerToolkit } from './toolkit';

registerToolkit();
const place = document.getElementById('root') ?? document.body;
const panel = new Panel(connectHost(), place.dataset['dir'] ?? '');
place.append(panel.root);
panel.start();
