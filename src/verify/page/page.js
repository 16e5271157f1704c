// The page of a comparison: draws the JSON in #data (verify/same_json.h). Charts are uPlot's where it is there.
"use strict";
const found = JSON.parse(document.getElementById("data").textContent);
const pictures = JSON.parse(document.getElementById("pictures").textContent);

const COLORS = { certified: "#1a7f37", open: "#8c959f", excused: "#d4a72c", flip: "#b42318" };
const sortOf = kind => kind === "REFUTED" ? "bad" : kind === "UNDECIDED" ? "open" : kind ? "good" : "none";

function make(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  for (const c of children) e.append(c);
  return e;
}
function section(title, note, ...children) {
  const h = make("h2", {}, title);
  if (note) h.append(make("small", {}, note));
  document.querySelector("main").append(h, ...children);
}
const short = v => v === null ? "∞" : v === 0 ? "0" : Math.abs(v) >= 0.01 && Math.abs(v) < 1e4 ? v.toPrecision(3) : v.toExponential(1);
const comma = n => n.toLocaleString("en-US");
function table(heads, rows) {
  const t = make("table");
  t.append(make("tr", {}, ...heads.map(h => make("th", h.startsWith("#") ? { class: "n" } : {}, h.replace("#", "")))));
  for (const row of rows)
    t.append(make("tr", {}, ...row.map((c, i) => make("td", heads[i].startsWith("#") ? { class: "n" } : {}, c))));
  return t;
}

// --- the answer, in ten seconds -------------------------------------------------------------------------------------
const asked = found.lines.filter(l => l.counts && l.verdict);
const refuted = asked.filter(l => l.verdict.kind === "REFUTED"), open = asked.filter(l => l.verdict.kind === "UNDECIDED");
const state = refuted.length ? "bad" : open.length ? "open" : "good";
const headline = { good: "The same network, as asked", bad: "Not the same network", open: "Not decided" }[state];
const because = state === "good"
  ? asked.map(l => `${l.level} ${l.verdict.kind}`).join(" · ")
  : [...refuted, ...open].map(l => `${l.leg}, ${l.level}: ${l.verdict.reason || l.detail}`).join(" · ");
const header = make("header", { class: state }, make("div", { class: "in" },
  make("h1", {}, headline + (state === "good" ? ": it may ship" : state === "bad" ? ": do not ship" : ": do not ship yet")),
  make("p", {}, because),
  make("div", { class: "who" }, `A  ${found.a.spec}  (${found.a.is})`),
  make("div", { class: "who", style: "margin-top:0" }, `B  ${found.b.spec}  (${found.b.is})`)));
document.body.prepend(header);

const verdicts = make("table", { class: "verdicts" });
verdicts.append(make("tr", {}, ...["leg", "from → to", "level", "verdict", "what it rests on"].map(h => make("th", {}, h))));
for (const l of found.lines) {
  const cell = make("td", {}, l.detail);
  for (const m of l.more) if (m !== l.detail) cell.append(make("div", { class: "more" }, m));
  const kind = l.verdict ? l.verdict.kind : "";
  verdicts.append(make("tr", l.counts ? {} : { class: "aside" }, make("td", {}, l.leg), make("td", {}, l.path), make("td", {}, l.level),
    make("td", {}, make("span", { class: "pill " + sortOf(kind) }, kind || "measured")), cell));
}
section("Verdicts", found.lines.some(l => !l.counts) ? "pale: measured, not asked for" : "", verdicts);

const c = found.contract;
const facts = make("dl");
for (const [k, v] of [["semantics", `version ${c.semantics}`], ["decision", c.decision], ["ties", c.ties], ["budget", c.budget],
  ["data", `${c.data}: ${comma(c.compared)} of ${comma(c.samples)} samples compared`], ["data sha256", c.data_sha256],
  ["source sha256", found.a.sha256], ["program sha256", found.b.sha256], ["machine code sha256", c.binary_sha256],
  ["took", found.seconds + " s"]])
  if (v) facts.append(make("dt", {}, k), make("dd", { class: /sha256/.test(k) ? "mono" : "" }, v));
section("Contract", "what exactly was compared with what", facts);

// --- margins ----------------------------------------------------------------------------------------------------------
function margins() {
  const points = found.margins.filter(m => m[0] !== null);
  if (!points.length) return;
  const logs = points.map(m => Math.log10(Math.max(m[0], 1e-12)));
  const low = Math.floor(Math.min(...logs)), high = Math.max(Math.ceil(Math.max(...logs)), low + 1), count = 48;
  const bins = [0, 1, 2, 3].map(() => new Array(count).fill(0));
  points.forEach((m, i) => {
    const at = Math.min(count - 1, Math.floor((logs[i] - low) / (high - low) * count));
    bins[m[1]][at]++;
  });
  const names = ["certified", "equal, not certified or not looked at", "flip, excused", "flip, not excused"];
  const colors = [COLORS.certified, COLORS.open, COLORS.excused, COLORS.flip];
  const key = make("div", { class: "key" });
  names.forEach((n, k) => key.append(make("span", {}, make("i", { style: `background:${colors[k]}` }),
    `${n} ${comma(bins[k].reduce((a, b) => a + b))}`)));
  const host = make("div");
  section("Margins", "how far each decision of A is from another one; flips are drawn in front", key, host);
  const x = Array.from({ length: count }, (_, i) => low + (i + 0.5) / count * (high - low));
  if (typeof uPlot === "undefined") {
    host.append(table(["margin from", ...names.map(n => "#" + n)], x.map((v, i) => [
      short(10 ** (v - (high - low) / count / 2)), ...bins.map(b => String(b[i]))]).filter(r => r.slice(1).some(n => n !== "0"))));
    return;
  }
  // Stacked: each series is the sum of itself and those in front of it; a square root shows the rare ones.
  const stacked = [0, 1, 2, 3].map(k => x.map((_, i) => Math.sqrt(bins.slice(k).reduce((s, b) => s + b[i], 0))));
  const bars = uPlot.paths.bars({ size: [0.95, 60] });
  new uPlot({
    width: Math.min(1130, document.querySelector("main").clientWidth - 48), height: 240, legend: { show: false }, cursor: { show: false },
    scales: { x: { time: false, range: [low, high] }, y: { range: (_, a, b) => [0, b * 1.05] } },
    axes: [{ values: (_, v) => v.map(e => Number.isInteger(e) ? "1e" + e : ""), label: "margin" },
      { values: (_, v) => v.map(e => comma(Math.round(e * e))), label: "samples (√ scale)", size: 70 }],
    series: [{}, ...[0, 1, 2, 3].map(k => ({ label: names[k], fill: colors[k], stroke: colors[k], width: 0, paths: bars, points: { show: false } }))],
  }, [x, ...stacked], host);
}
margins();

// --- nodes ------------------------------------------------------------------------------------------------------------
const byNode = new Map(found.nodes.map(n => [n.node, n]));
if (!byNode.size)  // of our own machine code: a source's worst value
  for (const v of found.values) {
    const name = v.node.replace(/ \([^()]*\)$/, ""), before = byNode.get(name);
    if (!v.skipped && (!before || (before.worst !== null && (v.worst === null || v.worst > before.worst)))) byNode.set(name, v);
  }
const blameOf = new Map(found.blame.map(b => [b.node, b.share]));
function colorOf(name) {
  const n = byNode.get(name);
  if (blameOf.size) {
    const share = blameOf.get(name) || 0;
    return share > 0.005 ? `hsl(4 70% ${86 - 46 * Math.min(1, share * 1.5)}%)` : "#e7ebef";
  }
  if (!n || n.skipped) return "#e7ebef";
  if (n.outside) return COLORS.flip;
  return `hsl(140 45% ${90 - 45 * Math.min(1, n.worst)}%)`;
}
function graph() {
  const nodes = found.graph;
  if (!nodes.length) return;
  if (nodes.length > 700)
    return section("Where they part", found.first_illegal ? `first node that is not legal: ${found.first_illegal}` : "",
      make("p", {}, `${comma(nodes.length)} nodes are too many to draw: see the tables below.`));
  const index = new Map(nodes.map((n, i) => [n.node, i]));
  const level = new Array(nodes.length).fill(0);
  nodes.forEach((n, i) => { for (const from of n.inputs) if (index.has(from)) level[i] = Math.max(level[i], level[index.get(from)] + 1); });
  const rows = [], per = 12, w = 92, h = 30, gapX = 96, gapY = 44;
  level.forEach((l, i) => (rows[l] = rows[l] || []).push(i));
  const place = [];
  let y = 12, bandTop = 12, widest = 1;
  rows.forEach((row, l) => {
    if (l % per === 0) { y = bandTop; widest = Math.max(1, ...rows.slice(l, l + per).map(r => r.length)); bandTop += widest * gapY + 14; }
    row.forEach((i, k) => place[i] = [10 + (l % per) * gapX, y + k * gapY]);
  });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const width = 10 + Math.min(per, rows.length) * gapX;
  svg.setAttribute("class", "graph");
  svg.setAttribute("viewBox", `0 0 ${Math.max(width, 700)} ${bandTop}`);
  const add = (tag, attributes, text) => {
    const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    if (text !== undefined) e.textContent = text;
    svg.append(e);
    return e;
  };
  nodes.forEach((n, i) => { for (const from of n.inputs) { const j = index.get(from); if (j === undefined) continue;
    const [x1, y1] = [place[j][0] + w - 8, place[j][1] + h / 2], [x2, y2] = [place[i][0], place[i][1] + h / 2];
    add("path", { d: x2 > x1 ? `M${x1},${y1} C${x1 + 18},${y1} ${x2 - 18},${y2} ${x2},${y2}` : `M${x1},${y1} C${x1 + 30},${y1 + 20} ${x2 - 30},${y2 - 20} ${x2},${y2}`,
      fill: "none", stroke: "#b6bec7", "stroke-width": 1 }); } });
  nodes.forEach((n, i) => {
    const [x, top] = place[i], check = byNode.get(n.node), share = blameOf.get(n.node);
    const first = n.node === found.first_illegal;
    const r = add("rect", { x, y: top, width: w - 8, height: h, rx: 4, fill: colorOf(n.node), stroke: first ? "#000" : "#aab3bd", "stroke-width": first ? 2.5 : 0.7 });
    const dark = blameOf.size ? share > 0.3 : check && check.outside;
    const clip = s => s.length > 14 ? "…" + s.slice(-13) : s;
    add("text", { x: x + 5, y: top + 12, "font-size": 9.5, fill: dark ? "#fff" : "#1b1f24" }, clip(n.node));
    add("text", { x: x + 5, y: top + 24, "font-size": 8.5, fill: dark ? "#fff" : "#5c6670" },
      share ? `blame ${(100 * share).toFixed(0)} %` : check && !check.skipped ? `${short(check.worst)} of bound` : n.op.slice(0, 16));
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    title.textContent = `${n.node} (${n.op})` + (check ? `\nworst ${short(check.worst)} of its bound, ${check.outside} of ${check.elements} elements outside` : "");
    r.append(title);
  });
  section("Where they part", found.first_illegal ? `first node that is not legal: ${found.first_illegal}`
    : blameOf.size ? "red: the share of the lost margins" : byNode.size ? "darker: closer to its bound" : "", svg);
}
graph();
function ulpBars(ulps) {
  const names = ["0", "1", "2", "4", "8", "16", "32", "64", "128", "256", "512", "more"];
  const total = ulps.reduce((a, b) => a + b, 0), bars = make("span");
  if (total) ulps.forEach((u, k) => bars.append(make("span", { class: "bar", title: `${names[k]} ulp: ${comma(u)}`,
    style: `width:9px;margin-right:1px;height:${u ? 2 + 14 * Math.sqrt(u / total) : 1}px;vertical-align:bottom;background:${u ? "#57606a" : "#dfe4e8"}` })));
  return bars;
}
const elementsOf = n => n.outside ? `${comma(n.outside)} of ${comma(n.elements)}`
  : n.unbounded ? `${comma(n.elements)}, ${comma(n.unbounded)} unbounded` : comma(n.elements);
function nodeTable() {
  if (!found.nodes.length) return;
  const rows = found.nodes.map(n => {
    if (n.skipped) return [n.node, n.op, "", "", "", make("span", { class: "more" }, n.skipped)];
    const ratio = n.worst === null ? 2 : n.worst;
    const bar = make("span", { class: "bar", style: `width:${Math.min(110, 100 * ratio)}px;background:${n.outside ? COLORS.flip : COLORS.certified}` });
    return [n.node, n.op, make("span", {}, bar, " " + short(n.worst)), `${short(n.error)} / ${short(n.bound)}`,
      elementsOf(n), ulpBars(n.ulps)];
  });
  const box = make("div", { class: "scroll" }, table(["node", "operators", "observed / bound", "#error / bound", "#elements", "ulps: 0 1 2 4 … more"], rows));
  section("Nodes", found.cut_effect || "each on the inputs it really consumed", box);
}
nodeTable();
if (found.cuts.length)
  section("Cuts", "asked for the values of one sort of operators at a time, what its own answers become",
    make("div", { class: "scroll" }, table(["operators", "#nodes", "#its answer changes by", "#then off from the source by"],
      [...found.cuts].sort((a, b) => (b.changes ?? 1e300) - (a.changes ?? 1e300)).map(c => [c.op, String(c.nodes), short(c.changes), short(c.off)]))));
function valueTable() {
  if (!found.values.length) return;
  const rows = found.values.map(v => {
    if (v.skipped) return [v.node, "", "", make("span", { class: "more" }, v.skipped), ""];
    const bar = make("span", { class: "bar", style: `width:${Math.min(110, 100 * (v.worst === null ? 2 : v.worst))}px;background:${v.outside ? COLORS.flip : COLORS.certified}` });
    return [v.node, make("span", {}, bar, " " + short(v.worst)), `${short(v.error)} / ${short(v.bound)}`,
      elementsOf(v), ulpBars(v.ulps)];
  });
  section("Values of the machine code", found.stage || "stored where they are computed, each within its bound on what it was computed from",
    make("div", { class: "scroll" }, table(["node", "observed / bound", "#error / bound", "#elements", "ulps: 0 1 2 4 … more"], rows)));
}
valueTable();

// --- flips ------------------------------------------------------------------------------------------------------------
function draw(p) {
  const canvas = make("canvas", { class: "picture", width: p.width, height: p.height });
  const bytes = Uint8Array.from(atob(p.data), ch => ch.charCodeAt(0)), image = new ImageData(p.width, p.height);
  for (let i = 0; i < p.width * p.height; ++i) {
    for (let k = 0; k < 3; ++k) image.data[4 * i + k] = bytes[p.channels === 3 ? 3 * i + k : i];
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}
if (found.flips.length) {
  const shown = new Map(pictures.map(p => [p.sample, p]));
  const rows = found.flips.slice(0, 100).map(f => [
    shown.has(f.sample) ? draw(shown.get(f.sample)) : "", String(f.sample), f.a, f.b, f.label < 0 ? "" : String(f.label), short(f.margin),
    make("span", { class: "pill " + (f.excused ? "open" : "bad") }, f.excused ? "excused" : "flip"),
    f.leg, f.nodes.slice(0, 3).map(n => `${n.node} ${(100 * n.share).toFixed(0)} %`).join(", ")]);
  const d = found.decisions;
  section("Flips", d.labelled ? `${d.right_to_wrong} right→wrong, ${d.wrong_to_right} wrong→right; right before ${comma(d.right_a)}, after ${comma(d.right_b)} of ${comma(d.labelled)}` : "",
    make("div", { class: "scroll" }, table(["", "#sample", "A", "B", "label", "#margin", "", "charged to", "nodes"], rows)));
}

if (found.contract.decision && !found.flips.length)
  section("Flips", "", make("p", {}, `none on ${comma(found.contract.compared)} samples`));

// --- bits -------------------------------------------------------------------------------------------------------------
if (found.hashes.length) {
  const distinct = [...new Set(found.hashes.map(h => h.sha256))], tint = ["#1a7f37", "#b42318", "#8250df", "#0969da", "#9a6700"];
  const rows = found.hashes.map(h => [h.how, h.isa, h.how === "interpreter" ? "" : String(h.threads), h.split,
    make("span", { class: "hash mono", style: `background:${tint[distinct.indexOf(h.sha256) % tint.length]}` }, h.sha256.slice(0, 16))]);
  const proofs = table(["kernel", "proof"], found.proofs.map(p => [make("span", { class: "mono" }, p.kernel), p.proof]));
  section("Bits", `${distinct.length} hash${distinct.length > 1 ? "es" : ""} of all outputs over ${found.hashes.length} ways to run it; ${found.proofs.filter(p => p.proof.startsWith("proved")).length} of ${found.proofs.length} kernels proved`,
    make("div", { class: "grid" }, make("div", { class: "scroll" }, table(["how", "instructions", "#threads", "batch", "hash"], rows)),
      make("div", { class: "scroll" }, proofs)));
}
if (found.ledger.length) section("Ledger", `${found.ledger.length} rewrites between M and Q`, make("pre", { class: "scroll" }, found.ledger.join("\n")));
else section("Ledger", "", make("p", {}, "no rewrite that may change results"));

// --- again ------------------------------------------------------------------------------------------------------------
const quote = w => /^[\w./:=,-]+$/.test(w) ? w : `"${w}"`;
const flags = new Set(["--stop-early"]);
const words = ["tauto same", quote(found.request.a), quote(found.request.b),
  ...found.request.options.map(([k, v]) => flags.has(k) ? k : `${k} ${quote(v)}`)];
const again = [words.join(" ")];
const json = decodeURIComponent(location.pathname.split("/").pop()).replace(/\.html$/, "") + ".json";
again.push(`tauto same --replay ${quote(json)}   # ` + (found.witness && found.witness.file
  ? `the witness alone, sample ${found.witness.sample} (${found.witness.file}): both answer as they did` : "the same verdicts again"));
section("Again", "commands that replay it", make("pre", {}, again.join("\n")));
section("What this does not cover", "", make("ul", {}, ...found.not_covered.map(t => make("li", {}, t))));
