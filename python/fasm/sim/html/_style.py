"""How the page looks, in light and in dark."""

from __future__ import annotations

from typing import Final

__all__ = ["HUES", "LINE", "STYLE", "TRACK"]

LINE: Final = 26
"""Height of a line, in pixels."""

TRACK: Final = 24
"""Distance of two tracks, in pixels."""

HUES: Final = (212, 152, 32, 282, 186, 336, 96, 252)
"""Colours of the tracks, from left to right and again."""

STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1c2430; --soft: #5d6a7a; --edge: #dde2e9; --lane: #fafbfc;
  --good: #1a7f4b; --good-bg: #e3f4ea; --bad: #b3261e; --bad-bg: #fdeceb; --fault: #94610a; --fault-bg: #fff3d6;
  --old: #b3261e; --new: #1a7f4b; --bar: #c9d1dc; --light: 42%; --wash: 94%;
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161c; --card: #1a2029; --ink: #e4e9f0; --soft: #95a2b3; --edge: #2e3743; --lane: #1e252f;
    --good: #62d295; --good-bg: #173527; --bad: #ff8a80; --bad-bg: #43201f; --fault: #f0c060; --fault-bg: #3b3018;
    --old: #ff8a80; --new: #62d295; --bar: #465365; --light: 66%; --wash: 22%;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); }
main { max-width: 1560px; margin: 0 auto; padding: 20px 24px 60px; }
code, pre, .line, .id { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
h1 { font-size: 15px; font-weight: 600; color: var(--soft); margin: 0 0 12px; }
h2 { font-size: 22px; margin: 0 0 4px; color: var(--bad); overflow-wrap: anywhere; }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: 16px 20px; margin: 0 0 16px; }
.card > pre { margin: 8px 0 12px; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px; }
.facts { display: flex; flex-wrap: wrap; gap: 6px 22px; color: var(--soft); font-size: 13px; }
.facts b { color: var(--ink); font-weight: 600; }
.copy { user-select: all; background: var(--lane); border: 1px solid var(--edge); border-radius: 6px; padding: 2px 8px;
  font-size: 12.5px; color: var(--ink); overflow-wrap: anywhere; }
.likely { margin: 10px 0 0; }
details { margin: 0 0 16px; }
details > summary { cursor: pointer; color: var(--soft); font-weight: 600; padding: 4px 0; }
details > pre { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: 14px 18px; overflow-x: auto;
  font-size: 12.5px; line-height: 1.55; margin: 6px 0 0; }

.lanes { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; margin: 0 0 16px; overflow-x: auto; }
.row { display: grid; min-width: 1020px; position: relative; border-top: 1px solid var(--edge);
  grid-template-columns: 104px minmax(130px, 1fr) 30px minmax(270px, 2fr) 30px var(--ledger) 30px minmax(220px, 1.7fr); }
.row > div { position: relative; padding: 8px 0; }
.row > .lane { padding: 8px 12px; }
.row.head { position: sticky; top: 0; z-index: 3; background: var(--card); border-top: 0; border-bottom: 2px solid var(--edge);
  border-radius: 10px 10px 0 0; }
.row.head > div { padding: 10px 12px 8px; font-weight: 600; font-size: 13px; }
.row.head small { display: block; color: var(--soft); font-weight: 400; font-size: 11.5px; white-space: nowrap; }
.lane.inputs, .lane.world { background: var(--lane); }
.row.note { display: block; padding: 7px 16px; color: var(--soft); font-size: 12.5px; background: var(--lane); font-style: italic; }
.time { padding-left: 14px !important; color: var(--soft); font-size: 12px; line-height: 26px; white-space: nowrap; }
.time b { color: var(--ink); font-size: 13px; display: inline-block; min-width: 26px; }
.chance { display: flex; align-items: center; gap: 6px; font-size: 11px; line-height: 18px; }
.chance i { display: block; width: 34px; height: 5px; border-radius: 3px; background: var(--edge); overflow: hidden; }
.chance i::before { content: ""; display: block; height: 100%; width: var(--share); background: var(--bad); opacity: .75; }

.line { height: 26px; line-height: 26px; font-size: 12.5px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.line.name { font-weight: 700; }
.line.value { height: auto; min-height: 26px; white-space: normal; overflow-wrap: anywhere; line-height: 19px; padding: 4px 0 3px;
  display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 5; line-clamp: 5; }
.line.quiet, .line.dropped { color: var(--soft); }
.line.dropped { text-decoration: line-through; }
.line.good { color: var(--good); } .line.bad { color: var(--bad); } .line.fault { color: var(--fault); }
.line.fault::before { content: "\\26A1\\FE0E\\00A0"; } .line.bad::before { content: "\\2717\\00A0"; }
.line.good::before { content: "\\2713\\00A0"; }
.line > i { font-style: normal; color: var(--soft); }
.line:hover { white-space: normal; overflow-wrap: anywhere; overflow: visible; height: auto; min-height: 26px; position: relative; z-index: 2;
  background: var(--card); box-shadow: 0 0 0 4px var(--card), 0 2px 10px 6px rgb(0 0 0 / .12); border-radius: 2px; margin-bottom: 0; }
.slot { height: 26px; }

.track { position: absolute; width: 2px; margin-left: -1px; background: hsl(var(--hue) 55% var(--light)); opacity: .55; }
.dot { position: absolute; transform: translate(-50%, -50%); min-width: 18px; height: 18px; line-height: 17px; border-radius: 9px; padding: 0 4px;
  text-align: center; font-size: 10.5px; font-weight: 600; background: hsl(var(--hue) 60% var(--wash)); color: var(--ink); z-index: 1;
  border: 1.5px solid hsl(var(--hue) 55% var(--light)); max-width: max(18px, calc(var(--space) - 4px)); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.dot.answered { min-width: 8px; width: 8px; height: 8px; padding: 0; background: hsl(var(--hue) 55% var(--light)); }
.dot.taken { background: hsl(var(--hue) 55% var(--light)); color: var(--card); }
.dot.lost, .dot.wrong { background: var(--bad); border-color: var(--bad); color: var(--card); }
.wire { position: absolute; height: 0; margin-top: -1px; border-top: 2px solid var(--wire, var(--soft)); }
.wire.dashed { border-top-style: dashed; } .wire.lost { border-top: 2px dotted var(--bad); }
.wire.right::after, .wire.left::after { content: ""; position: absolute; top: -6px; border: 5px solid transparent; }
.wire.right::after { right: -1px; border-left: 7px solid var(--wire, var(--soft)); border-right: 0; }
.wire.left::after { left: -1px; border-right: 7px solid var(--wire, var(--soft)); border-left: 0; }
.wire.lost::after { border: 0 !important; content: "\\2717"; color: var(--bad); font: bold 13px/12px system-ui; left: 8px; top: -7px; }

.row.crash > div, .row.crash > .lane { background: var(--fault-bg); }
.row.broken > div, .row.broken > .lane { background: var(--bad-bg); }
.row.broken { box-shadow: inset 4px 0 var(--bad); }
.row.broken .line.bad { font-weight: 600; }
.machine .line.bad:last-child { height: auto; white-space: normal; overflow-wrap: anywhere; line-height: 19px; padding: 4px 0 3px; }
.row.broken .line:hover { background: var(--bad-bg); box-shadow: 0 0 0 4px var(--bad-bg), 0 2px 10px 6px rgb(0 0 0 / .12); }
.changes { padding: 3px 0 0; font-size: 12px; color: var(--soft); overflow-wrap: anywhere; }
.changes summary { font-weight: 400; padding: 0; font-size: 12px; }
.legend { color: var(--soft); font-size: 12px; padding: 8px 16px; border-top: 1px solid var(--edge); }
.legend .dot { max-width: none; position: static; display: inline-block; transform: none; margin: 0 4px 0 14px; vertical-align: middle; --hue: 212; }
.changes details { margin: 0; }
.breach { grid-column: 1 / -1; padding: 4px 20px 16px 104px !important; }
.breach h3 { margin: 4px 0 6px; color: var(--bad); font-size: 15px; overflow-wrap: anywhere; }
.breach pre { margin: 0 0 10px; white-space: pre-wrap; overflow-wrap: anywhere; font-size: 13px; }
table { border-collapse: collapse; font-size: 12.5px; }
th { text-align: left; color: var(--soft); font-weight: 600; padding: 3px 18px 3px 0; font-size: 12px; }
td { padding: 3px 18px 3px 0; vertical-align: top; overflow-wrap: anywhere; border-top: 1px solid var(--edge); }
td code { font-size: 12.5px; } td.old code { color: var(--old); } td.new code { color: var(--new); }
.none { color: var(--soft); font-style: italic; }
.old { color: var(--old); } .new { color: var(--new); }
@media print { .lanes { overflow: visible; } .row.head { position: static; } }
"""
