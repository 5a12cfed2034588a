import { plotCss, TONES } from "../../plots/index.ts";

function variables(mode: "light" | "dark"): string {
  const own =
    mode === "light"
      ? "--ground:#ffffff;--panel:#f6f7f9;--ink:#15181d;--muted:#5b626e;--line:#e3e6eb;--accent:#2459d6"
      : "--ground:#14161a;--panel:#1c1f25;--ink:#e8e9ec;--muted:#a0a7b3;--line:#2d323b;--accent:#6aa8ff";
  return `${own};--better:${TONES.helps[mode]};--worse:${TONES.hurts[mode]};color-scheme:${mode}`;
}

const page = `
:root{${variables("light")}}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){${variables("dark")}}}
:root[data-theme=dark]{${variables("dark")}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
.room{max-width:1144px;margin:0 auto;padding:0 32px}
a{color:var(--accent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
code,pre{font:.86em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip{position:absolute;left:-999px}
.skip:focus{left:16px;top:8px;background:var(--ground);padding:6px 10px;z-index:9}
.quiet{color:var(--muted)}
[hidden]{display:none!important}
`;

const masthead = `
.masthead{border-bottom:1px solid var(--line)}
.masthead .room{display:flex;align-items:center;gap:12px;height:60px}
.masthead svg{display:block}
.brand{font-weight:680;letter-spacing:-.01em}
.masthead .what{color:var(--muted);font-size:.92rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
#theme{margin-left:auto;background:none;border:1px solid var(--line);border-radius:8px;width:36px;height:36px;color:inherit;cursor:pointer;display:grid;place-items:center;flex:none}
#theme:hover{background:var(--panel)}
.hero{padding:52px 0 20px}
.eyebrow{margin:0 0 10px;color:var(--muted);font-size:.92rem}
h1{margin:0;font-size:clamp(1.9rem,4.4vw,2.9rem);line-height:1.1;letter-spacing:-.03em;font-weight:720;max-width:24em;overflow-wrap:anywhere;text-wrap:balance}
h1 .but{color:var(--muted);font-weight:560}
.notice{margin:20px 0 0;padding:10px 14px;border:1px solid var(--worse);border-radius:10px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(200px,1fr));gap:14px;margin:30px 0 0}
.tile{background:var(--panel);border-radius:14px;padding:16px 18px}
.tile dt{color:var(--muted);font-size:.86rem}
.tile dd{margin:4px 0 0;display:flex;flex-direction:column;align-items:flex-start}
.tile b{font-size:1.75rem;font-weight:680;letter-spacing:-.02em;line-height:1.3}
.tile small{font-size:.95rem;font-weight:500;letter-spacing:0}
.tile dd>span{font-size:.88rem;color:var(--muted)}
.findings{margin-top:34px}
.findings h2{font-size:1.02rem;margin:0 0 8px;letter-spacing:-.01em}
.findings .lead{font-size:1.13rem;margin:0 0 12px;max-width:46em}
.findings ul{margin:0;padding:0;list-style:none;max-width:52em}
.findings li{padding:9px 0 9px 20px;border-top:1px solid var(--line);position:relative;overflow-wrap:anywhere}
.findings li::before{content:"";position:absolute;left:2px;top:1.15em;width:7px;height:7px;border-radius:50%;background:var(--line)}
`;

const models = `
#models{display:flex;flex-wrap:wrap;gap:6px;margin:34px 0 0;border-bottom:1px solid var(--line)}
#models a{padding:9px 16px;text-decoration:none;color:var(--muted);border-radius:10px 10px 0 0;font-weight:560}
#models a:hover{color:var(--ink);background:var(--panel)}
#models a[aria-selected=true]{color:var(--ink);box-shadow:inset 0 -3px var(--accent)}
.model>h2{font-size:1.7rem;letter-spacing:-.02em;margin:44px 0 0}
.scripted .tabbed.model>h2{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.contents{display:flex;flex-wrap:wrap;gap:4px 18px;margin:18px 0 0;font-size:.92rem}
.contents a{color:var(--muted);text-decoration:none}
.contents a:hover{color:var(--accent);text-decoration:underline}
.part{margin:44px 0 0;scroll-margin-top:16px}
h3{font-size:1.28rem;letter-spacing:-.015em;margin:0 0 4px}
.about{margin:0 0 16px;color:var(--muted);max-width:48em}
.rest{margin-top:64px;border-top:1px solid var(--line)}
`;

const tables = `
.table-room{overflow-x:auto;border:1px solid var(--line);border-radius:12px;margin:0 0 12px}
table{border-collapse:separate;border-spacing:0;width:100%;font-size:.92rem}
th,td{padding:9px 11px;text-align:left;border-bottom:1px solid var(--line);vertical-align:middle}
tbody:last-child tr:last-child>*{border-bottom:0}
thead th{background:var(--panel);font-weight:560;color:var(--muted);font-size:.84rem;line-height:1.3;vertical-align:bottom}
th.number,td.number{text-align:right;white-space:nowrap}
thead th.number{white-space:normal}
thead button{all:unset;cursor:pointer;font:inherit}
thead button:hover{color:var(--ink)}
thead button:focus-visible{outline:2px solid var(--accent);outline-offset:3px;border-radius:3px}
thead button::after{content:"";display:inline-block;width:.9em;text-align:center}
th[aria-sort]{color:var(--ink)}
th[aria-sort=ascending] button::after{content:"↑"}
th[aria-sort=descending] button::after{content:"↓"}
tbody th{font-weight:560}
.results tbody th{white-space:nowrap;position:sticky;left:0;background:var(--ground);z-index:1}
.results .name{display:inline-block;max-width:17em;overflow:hidden;text-overflow:ellipsis;vertical-align:bottom}
.results tr.baseline th,.results tr.baseline td{background:var(--panel)}
.results tbody tr:hover th,.results tbody tr:hover td{background:var(--panel)}
.results .references .group th{color:var(--muted);font-size:.84rem;padding:14px 14px 5px;position:static}
.results .references .group:hover th{background:none}
.star{color:var(--accent)}
.failed{color:var(--worse);font-size:.84rem;font-weight:500}
.difference{display:inline-flex;align-items:center;gap:10px}
.price{display:inline-flex;flex-direction:column;line-height:1.25}
.price .quiet{font-size:.8rem}
.difference .numbers{display:flex;flex-direction:column;line-height:1.25;min-width:7.2em}
.difference .quiet{font-size:.8rem}
.interval .zero{stroke:var(--line);stroke-width:1.5}
.interval .whisker{stroke-width:2;stroke-linecap:round}
.interval.better{stroke:var(--better);fill:var(--better)}
.interval.worse{stroke:var(--worse);fill:var(--worse)}
.interval.unsure{stroke:var(--muted);fill:var(--ground)}
.interval circle{stroke-width:1.6}
.badge{white-space:nowrap;font-size:.84rem;font-weight:560}
.badge.better,.sign.better,.tile dd>.badge.better{color:var(--better)}
.badge.worse,.sign.worse,.tile dd>.badge.worse{color:var(--worse)}
.badge.unsure{color:var(--muted);font-weight:450}
.sign{font-size:.72rem;margin-left:5px;vertical-align:1px}
.results.main th.number{max-width:8.4em}
.shade{display:inline-block;margin:-5px -7px;padding:5px 7px;border-radius:6px}
.shade.better{background:color-mix(in srgb,var(--better) var(--depth),transparent)}
.shade.worse{background:color-mix(in srgb,var(--worse) var(--depth),transparent)}
.tally{display:flex;gap:3px;margin:0 0 16px;font-size:.88rem}
.tally span{padding:5px 12px;white-space:nowrap;border-top:5px solid;min-width:max-content}
.tally b{font-weight:680}
.tally .better{color:var(--better)}
.tally .worse{color:var(--worse)}
.tally .unsure{color:var(--muted);border-top-color:var(--line)}
.shades caption{text-align:left;padding:9px 11px 5px;font-weight:560}
.shades td{background:color-mix(in srgb,var(--accent) var(--shade),transparent)}
.plain td,.plain th{vertical-align:top}
.method code{background:var(--panel);border-radius:5px;padding:1px 6px;white-space:nowrap}
.reason{overflow-wrap:anywhere}
`;

const rest = `
figure{margin:0 0 26px}
figure svg{display:block}
figcaption{color:var(--muted);font-size:.88rem;margin-top:6px}
.on-narrow{display:none}
.pair,.three{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:0 20px}
.three{grid-template-columns:repeat(3,minmax(0,1fr))}
details{margin:0 0 10px}
summary{cursor:pointer;color:var(--accent);font-weight:520;padding:4px 0}
details[open]>summary{margin-bottom:8px}
pre{background:var(--panel);border-radius:12px;padding:16px;overflow:auto;max-height:480px;margin:0}
dl{margin:0}
.protocol div,.meanings div{display:grid;grid-template-columns:minmax(9em,1fr) 5fr;gap:4px 20px;padding:9px 0;border-top:1px solid var(--line)}
.protocol dt,.meanings dt,.facts dt{font-weight:560}
.protocol dd,.meanings dd,.facts dd{margin:0;overflow-wrap:anywhere}
.protocol{margin:0 0 14px}
.meanings{font-size:.92rem;margin-bottom:14px}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(220px,1fr));gap:14px 24px;font-size:.92rem}
.facts dt{color:var(--muted);font-weight:450;font-size:.84rem}
footer{margin:64px 0 0;border-top:1px solid var(--line);color:var(--muted);font-size:.88rem}
footer .room{padding-top:18px;padding-bottom:36px}
`;

const media = `
@media (max-width:700px){
.room{padding:0 18px}
.hero{padding-top:32px}
.on-wide{display:none}
.on-narrow{display:block}
.pair,.three{grid-template-columns:minmax(0,1fr)}
.scrolling{overflow-x:auto}
.scrolling svg{max-width:none}
.tiles{grid-template-columns:1fr 1fr;gap:10px}
.tile{padding:13px 14px}
.tile b{font-size:1.4rem}
.protocol div,.meanings div{grid-template-columns:1fr}
.results tbody th .name{max-width:9.5em}
th,td{padding:8px 10px}
}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
@media print{
@page{margin:14mm}
body{font-size:10.5pt}
.room{max-width:none;padding:0}
#theme,#models,.contents,.skip{display:none}
[hidden].model{display:block!important}
.scripted .tabbed.model>h2{position:static;width:auto;height:auto;clip-path:none}
.model{break-before:page}
figure,tr,.tile{break-inside:avoid}
h3,.about{break-after:avoid}
.table-room{overflow:visible}
table{font-size:8pt}
th,td{padding:4px 6px}
pre{max-height:none;white-space:pre-wrap}
}
`;

/** The page's style sheet, that of the plots included. */
export const style = plotCss + [page, masthead, models, tables, rest, media].join("");
