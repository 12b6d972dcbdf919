package viewpage

// style is the page's style sheet. Print is light, whatever the screen is.
const style = `
:root { color-scheme: light dark; --fg: #1c2128; --dim: #59636e; --bg: #ffffff; --panel: #f6f8fa; --line: #d1d9e0;
  --same: #818b98; --known: #9a6700; --known-bg: #fff8c5; --diff: #cf222e; --diff-bg: #ffebe9; --good: #1a7f37; --good-bg: #dafbe1;
  --c0: #0969da; --c1: #bc4c00; --c2: #1a7f37; --c3: #8250df; --c4: #bf3989; --c5: #57606a }
@media (prefers-color-scheme: dark) { @media screen { :root { --fg: #e6edf3; --dim: #9198a1; --bg: #0d1117; --panel: #161b22; --line: #30363d;
  --same: #768390; --known: #d4a72c; --known-bg: #2e2509; --diff: #ff7b72; --diff-bg: #36171a; --good: #3fb950; --good-bg: #12261e;
  --c0: #58a6ff; --c1: #f0883e; --c2: #3fb950; --c3: #bc8cff; --c4: #f778ba; --c5: #9198a1 } } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; color: var(--fg); background: var(--bg); font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.5rem; margin: 0 0 .25rem } h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--line) }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .5rem } body { overflow-wrap: anywhere }
p { margin: .25rem 0 .75rem; max-width: 48rem } .dim, small { color: var(--dim) }
code, .m, pre { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: .8125rem }
table { border-collapse: collapse; table-layout: fixed; width: 100%; margin: .25rem 0 1rem } caption { text-align: left; font-weight: 600; padding: .5rem 0 .25rem }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid var(--line) }
th { font-weight: 600; color: var(--dim); font-size: .8125rem } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; width: 5.6rem } th.n.wide { width: 8rem } th.half { width: 34% } th.third { width: 24% }
tr.d td { background: var(--diff-bg) } tr > td:first-child { padding-left: .6rem } tr > th:first-child { padding-left: .6rem }
tr.d td:first-child { box-shadow: inset 3px 0 var(--diff) } tr.k td:first-child { box-shadow: inset 3px 0 var(--known) }
a { color: var(--c0) }
tr.s td { color: var(--dim) } tr.o td { color: var(--dim); font-style: italic }
.chip { display: inline-block; padding: 0 .5rem; border-radius: 1rem; font-size: .8125rem; font-weight: 600 }
.chip.d { color: var(--diff); background: var(--diff-bg) } .chip.k { color: var(--known); background: var(--known-bg) }
.chip.g { color: var(--good); background: var(--good-bg) }
b.d { color: var(--diff) } b.k { color: var(--known) }
.bar { display: flex; height: .6rem; border-radius: .3rem; overflow: hidden; background: var(--line); margin-top: .45rem }
.bar i { display: block } i.s { background: var(--same) } i.k { background: var(--known) } i.d { background: var(--diff) }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: .4rem; padding: .6rem .8rem; white-space: pre-wrap; margin: .25rem 0 1rem }
.tree td:first-child { white-space: pre-wrap } 
.key { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0 0 .5rem } .key i { display: inline-block; width: .8rem; height: .8rem; border-radius: .15rem; margin-right: .4rem; vertical-align: -.05rem }
svg { display: block; width: 100% } svg line { vector-effect: non-scaling-stroke } svg .g { stroke: var(--line) } svg .w { stroke: var(--fg); stroke-width: 2 }
.axis { position: relative; height: 1.25rem; font-weight: 400 } .axis span { position: absolute; white-space: nowrap; padding-left: .15rem; border-left: 1px solid var(--line) }
.values div { height: 18px; line-height: 18px; font-size: .8125rem; white-space: nowrap; font-variant-numeric: tabular-nums }
@media (max-width: 40rem) { body { padding: 1rem .75rem; font-size: 14px } .wide { display: none } td.n, th.n { width: 3.6rem } th.half { width: 40% } th, td { padding-right: .4rem }
  th { font-size: .75rem } .axis span:nth-child(even) { display: none } .values div { font-size: .7rem } }
@media print { body { max-width: none; padding: 0; font-size: 9.5pt } * { -webkit-print-color-adjust: exact; print-color-adjust: exact }
  tr, svg, pre { break-inside: avoid } h1, h2, h3, caption { break-after: avoid } thead { display: table-header-group } }
`
