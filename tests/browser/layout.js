// What is wrong with the layout of the page as it stands; `root` is the promised size of its type in px.
(root) => {
  const found = [];
  const page = document.documentElement;
  const width = page.clientWidth;
  const name = (e) => `${e.tagName.toLowerCase()} “${(e.innerText || e.value || e.name || e.alt || "").trim().slice(0, 12)}”`;
  const size = (e) => parseFloat(getComputedStyle(e).fontSize);
  if (page.scrollWidth > width) found.push(`scrolls sideways: ${page.scrollWidth} px`);
  if (size(document.body) < root - 0.01) found.push(`base letters are ${size(document.body)} px`);
  const pieces = [];
  for (const element of document.body.querySelectorAll("*")) {
    if (!element.checkVisibility()) continue; // what is folded away keeps a box, and is not seen
    const box = element.getBoundingClientRect();
    if (box.width && (box.right > width + 0.5 || box.left < -0.5)) found.push(`${name(element)} leaves the page`);
    const hides = ["hidden", "clip"].includes(getComputedStyle(element).overflowX);
    if (hides && element.scrollWidth > element.clientWidth + 1) found.push(`${name(element)} is cut`);
    for (const node of element.childNodes) {
      if (node.nodeType !== Node.TEXT_NODE || !node.data.trim()) continue;
      if (size(element) < 0.75 * root) found.push(`letters of ${name(element)} are ${size(element)} px`);
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const line of range.getClientRects()) {
        if (line.right > width + 0.5) found.push(`${name(element)} runs out of the page`);
        pieces.push([element, line]);
      }
    }
  }
  const meet = (one, two, by) =>
    Math.min(one.right, two.right) - Math.max(one.left, two.left) > by &&
    Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top) > by;
  for (let i = 0; i < pieces.length; i++)
    for (let j = i + 1; j < pieces.length; j++)
      if (pieces[i][0] !== pieces[j][0] && meet(pieces[i][1], pieces[j][1], 0.3 * size(pieces[i][0])))
        found.push(`texts ${name(pieces[i][0])} and ${name(pieces[j][0])} overlap`);
  const wanted = "a[href], button, input:not([type=hidden]), select, textarea, summary";
  const targets = [...document.querySelectorAll(wanted)].filter((target) => target.checkVisibility());
  for (const target of targets) {
    target.scrollIntoView({ block: "center" });
    const box = target.getBoundingClientRect();
    if (box.width < 48 || box.height < 48) found.push(`${name(target)} is small: ${box.width} × ${box.height}`);
    const over = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
    if (!over || !(target.contains(over) || over.contains(target))) found.push(`${name(target)} is covered`);
    for (const other of targets) {
      if (target === other || target.contains(other) || other.contains(target)) continue;
      if (meet(box, other.getBoundingClientRect(), 1)) found.push(`${name(target)} and ${name(other)} overlap`);
    }
  }
  return [...new Set(found)];
};
