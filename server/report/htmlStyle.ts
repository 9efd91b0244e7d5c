/** The style of a report: one column, a serif headline, figures in tabular numerals, two themes, and paper. */
import { darkTheme, lightTheme } from './colour';
import type { Theme } from './colour';

function variables(theme: Theme): string {
  const { series, ...named } = theme;
  return [
    ...Object.entries(named).map(([name, value]) => `--${name}:${value}`),
    ...series.map((value, index) => `--s${index}:${value}`),
  ].join(';');
}

const layout = `
*{box-sizing:border-box}
html{color-scheme:light dark;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1120px;margin:0 auto;padding:56px 32px 72px}
.eyebrow{margin:0 0 14px;font-size:13px;letter-spacing:.04em;color:var(--quiet)}
h1{margin:0 0 20px;max-width:23em;font:500 32px/1.26 Charter,"Bitstream Charter","Iowan Old Style","Source Serif 4",Georgia,"Times New Roman",serif;letter-spacing:-.006em;text-wrap:pretty}
h2{margin:0 0 6px;font-size:19px;line-height:1.35;font-weight:650}
h3{margin:28px 0 8px;font-size:14px;font-weight:650}
p{margin:0 0 12px;max-width:68ch}
section{margin-top:56px;padding-top:22px;border-top:1px solid var(--line)}
.lead{color:var(--quiet);margin-bottom:20px;max-width:82ch}
.facts{margin:0;padding:0;list-style:none;max-width:78ch}
.facts li{padding:5px 0 5px 18px;position:relative}
.facts li::before{content:"";position:absolute;left:2px;top:17px;width:8px;height:1px;background:var(--quiet)}
.chips{display:flex;flex-wrap:wrap;gap:8px;margin:0 0 18px;padding:0;list-style:none;font-size:13px}
.chips li{padding:3px 11px;border:1px solid var(--line);border-radius:99px;background:var(--panel)}
.chips .good{color:var(--good)}.chips .bad{color:var(--bad)}
.split{display:grid;grid-template-columns:minmax(0,auto) minmax(0,1fr);gap:48px;align-items:start}
.figure{overflow-x:auto;margin:0}
.figure svg{display:block}
svg.wide{width:100%;min-width:700px;height:auto}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(216px,1fr));gap:22px 24px;margin:0}
.grid figure{margin:0;break-inside:avoid}
.grid figcaption{font-size:13px;font-weight:650;margin-bottom:2px}
.grid figcaption span{font-weight:400;color:var(--quiet)}
.grid svg{display:block;width:100%;height:auto}
.key{display:flex;flex-wrap:wrap;gap:4px 20px;margin:0 0 14px;padding:0;list-style:none;font-size:13px}
.key svg{vertical-align:middle;margin-right:7px}
.slider{display:grid;grid-template-columns:auto minmax(80px,1fr) auto;gap:12px;align-items:center;max-width:440px;margin:6px 0 0;font-size:13px;color:var(--quiet)}
.slider[hidden]{display:none}
.slider input{width:100%;accent-color:var(--link)}
.slider output{min-width:9.5em;color:var(--ink)}
.table{overflow-x:auto;margin:0 0 12px}
table{border-collapse:collapse;width:100%;font-size:13.5px;line-height:1.4}
caption{text-align:left;font-weight:650;padding:0 0 8px}
th,td{padding:9px 0 9px 14px;text-align:right;vertical-align:top;border-bottom:1px solid var(--line);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}
thead th{font-weight:400;color:var(--quiet);border-bottom:1px solid var(--quiet);vertical-align:bottom}
tbody th{font-weight:600}
td small,th small{display:block;font-size:12px;font-weight:400;color:var(--quiet)}
tr.own td,tr.own th{background:var(--panel)}
tr.own th:first-child{box-shadow:-10px 0 0 var(--panel)}
tr.own td:last-child{box-shadow:10px 0 0 var(--panel)}
.swatch{display:inline-block;width:9px;height:9px;border-radius:2px;background:var(--c);margin-right:8px}
dl.pairs{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:6px 24px;margin:0;font-size:14px}
dl.pairs dt{color:var(--quiet)}
dl.pairs dd{margin:0;overflow-wrap:anywhere}
.two{display:grid;grid-template-columns:1fr 1fr;gap:32px 48px}
ol.log{margin:0;padding:0;list-style:none;font-size:14px}
ol.log li{display:grid;grid-template-columns:13.5em minmax(0,1fr);gap:12px;padding:4px 0}
ol.log span:first-child{color:var(--quiet)}
details{margin-top:14px}
summary{cursor:pointer;color:var(--link);font-size:14px}
pre{overflow-x:auto;margin:12px 0 0;padding:16px 18px;background:var(--panel);border:1px solid var(--line);border-radius:6px;font:13px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;tab-size:2}
code{font:.92em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.warning{margin:0 0 10px;padding:2px 0 2px 14px;border-left:3px solid var(--bad)}
.warning code{color:var(--bad)}
.alert{margin:0 0 20px;padding:14px 18px;border:1px solid var(--bad);border-radius:6px;background:var(--panel)}
.alert p:last-child{margin:0}
#readout{min-height:1.6em;margin:4px 0 0;font-size:13px;color:var(--quiet);max-width:none}
#readout b{color:var(--ink);font-weight:600}
a:focus-visible,.table:focus-visible,.figure:focus-visible,summary:focus-visible,svg:focus-visible,input:focus-visible{outline:2px solid var(--link);outline-offset:3px;border-radius:3px}
footer{margin-top:56px;padding-top:16px;border-top:1px solid var(--line);font-size:13px;color:var(--quiet)}
footer p{max-width:none}
.c-hybrid{--c:var(--hybrid)}
${[0, 1, 2, 3, 4, 5].map((index) => `.c-s${index}{--c:var(--s${index})}`).join('\n')}
@media (forced-colors:active){.swatch,.facts li::before{forced-color-adjust:none}}
@media (max-width:820px){.split,.two{grid-template-columns:minmax(0,1fr);gap:24px}}
@media (max-width:560px){main{padding:32px 18px 48px}h1{font-size:25px}section{margin-top:40px}ol.log li{grid-template-columns:minmax(0,1fr);gap:0}dl.pairs{gap:2px 14px}}
`;

/** Where the page is shown: `auto` follows the reader's system, the others follow an editor's theme. */
export type Appearance = 'auto' | 'light' | 'dark';

function themes(appearance: Appearance): string {
  switch (appearance) {
    case 'auto':
      return `:root{${variables(lightTheme)}}
@media (prefers-color-scheme:dark){:root{${variables(darkTheme)}}}`;
    case 'light':
      return `:root{${variables(lightTheme)}}`;
    case 'dark':
      return `:root{${variables(darkTheme)}}`;
  }
}

/** The whole style sheet. On paper the light theme holds, and what only a pointer can use is left out. */
export function reportStyle(appearance: Appearance = 'auto'): string {
  const paper = `@media print{:root{${variables(lightTheme)}}html{color-scheme:light}body{font-size:10.5pt}main{max-width:none;padding:0}h1{font-size:20pt}section{margin-top:22pt;padding-top:10pt}.slider,#readout{display:none}.figure,.table,pre{overflow:visible}pre{white-space:pre-wrap}svg.wide{min-width:0}table{font-size:8.2pt}th,td{padding-left:8pt}section,tr,figure{break-inside:avoid}h2,h3{break-after:avoid}@page{margin:16mm}}`;
  const scheme = appearance === 'auto' ? '' : `html{color-scheme:${appearance}}`;
  return `${themes(appearance)}${layout}${scheme}${paper}`;
}
