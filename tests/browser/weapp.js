// What WeChat gives a mini-program, as far as ours uses it: App, Page, require, WXML, WXSS, wx. It is stricter than WeChat:
// a component, attribute, name in a template or wx function that is not here fails, and so does a value that is not there.
// Requests are real ones. `window.phone` is what the person's phone does when asked; the test sets it.
window.phone = { scanned: "", phone: true, accept: true, opened: [], copied: "" };

const TAGS = { view: "div", text: "span", button: "button", input: "input", image: "img" };
const OWN = {
  view: [], text: [], block: [],
  button: ["open-type", "disabled"],
  input: ["type", "maxlength", "placeholder", "value"],
  image: ["src"],
};
const COMMON = /^(class|role|aria-[a-z]+|data-[a-z-]+|bind(tap|input|getphonenumber)|wx:(if|elif|else|for|key))$/;
const LONGEST = 140; // WeChat's own limit of an input without maxlength

function value(source, scope) {
  const bare = source.replace(/'[^']*'/g, "''");
  if (/[\w\])]\s*\(|=>|`|;/.test(bare)) throw new Error(`WXML knows no calls: {{${source}}}`);
  const known = new Proxy(scope, {
    has: (_, name) => typeof name === "string",
    get: (names, name) => {
      if (name === Symbol.unscopables) return undefined;
      if (!(name in names)) throw new Error(`${name} in {{${source}}} is no data of the page`);
      return names[name];
    },
  });
  return new Function("scope", `with (scope) { return (${source}) }`)(known);
}

function filled(text, scope) {
  const whole = /^\{\{([^{}]*)\}\}$/.exec(text);
  if (whole) return value(whole[1], scope);
  return text.replace(/\{\{([^{}]*)\}\}/g, (_, source) => {
    const found = value(source, scope);
    if (found === undefined || found === null) throw new Error(`{{${source}}} is empty in ${text}`);
    return String(found);
  });
}

function element(node, scope, page, place) {
  const tag = node.tagName, made = page.kept.get(place) || document.createElement(TAGS[tag]);
  const bound = {};
  for (const { name, value: text } of node.attributes) {
    if (!COMMON.test(name) && !OWN[tag].includes(name)) throw new Error(`<${tag} ${name}> is not known`);
    if (name.startsWith("wx:")) continue;
    if (name.startsWith("bind")) {
      if (typeof page[text] !== "function") throw new Error(`${page.route} has no ${text}()`);
      bound[name.slice(4)] = text;
      continue;
    }
    const found = filled(text, scope);
    if (found === undefined || found === null) throw new Error(`${name}="${text}" is empty`);
    if (name === "value") { if (made.value !== String(found)) made.value = found; }
    else if (name === "disabled") made.disabled = Boolean(found);
    else if (name === "type" && found === "number") made.inputMode = "numeric";
    else made.setAttribute(name, found);
  }
  if (tag === "button") made.type = "button";
  if (tag === "input") { page.kept.set(place, made); if (made.maxLength < 0) made.maxLength = LONGEST; }
  const tell = (name, detail) => page[bound[name]]({ type: name, detail, currentTarget: { dataset: { ...made.dataset } } });
  made.onclick = async () => {
    if (bound.tap) tell("tap", {});
    if (!bound.getphonenumber || made.getAttribute("open-type") !== "getPhoneNumber") return;
    const given = window.phone.phone;
    tell("getphonenumber", given ? { code: await wechatCode("phone"), errMsg: "getPhoneNumber:ok" }
      : { errMsg: "getPhoneNumber:fail user deny" });
  };
  made.oninput = () => bound.input && tell("input", { value: made.value });
  return made;
}

function drawn(parent, scope, page, place) {
  const out = [];
  let taken = false;
  [...parent.childNodes].forEach((node, index) => {
    const here = `${place}/${index}`;
    if (node.nodeType === Node.TEXT_NODE) {
      if (node.data.trim()) out.push(document.createTextNode(filled(node.data.trim(), scope)));
      return;
    }
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    if (!(node.tagName in OWN)) throw new Error(`<${node.tagName}> is not known`);
    const asks = (name) => value(/^\{\{(.*)\}\}$/.exec(node.getAttribute(name))[1], scope);
    if (node.hasAttribute("wx:if")) taken = Boolean(asks("wx:if"));
    else if (node.hasAttribute("wx:elif")) { if (taken) return; taken = Boolean(asks("wx:elif")); }
    else if (node.hasAttribute("wx:else")) { if (taken) return; taken = true; }
    else taken = true;
    if (!taken) return;
    const rows = node.hasAttribute("wx:for") ? asks("wx:for").map((item, at) => [{ ...scope, item, index: at }, at]) : [[scope, ""]];
    const key = node.getAttribute("wx:key");
    if (node.hasAttribute("wx:for")) {
      const keys = rows.map(([one]) => (key === "index" ? one.index : key === "*this" ? one.item : one.item[key]));
      if (!key || new Set(keys).size !== keys.length) throw new Error(`wx:key of ${here} does not tell ${keys} apart`);
    }
    for (const [inner, at] of rows) {
      const children = drawn(node, inner, page, `${here}.${at}`);
      if (node.tagName === "block") { out.push(...children); continue; }
      const made = element(node, inner, page, `${here}.${at}`);
      made.replaceChildren(...children);
      out.push(made);
    }
  });
  return out;
}

window.boot = (files, base) => {
  const app = JSON.parse(files["app.json"]), modules = {}, kinds = {}, stack = [];
  let application = null;

  const resolved = (from, path) => {
    if (!/^\.\.?\//.test(path)) throw new Error(`require("${path}") is not relative`);
    const found = new URL(path, `http://x/${from}`).pathname.slice(1);
    return found.endsWith(".js") ? found : `${found}.js`;
  };
  const run = (path) => {
    if (path in modules) return modules[path].exports;
    const module = (modules[path] = { exports: {} });
    const Page = (options) => { kinds[path.slice(0, -3)] = options; };
    const App = (options) => { application = options; };
    new Function("require", "module", "exports", "App", "Page", "getApp", "wx", `"use strict";${files[path]}`)(
      (other) => run(resolved(path, other)), module, module.exports, App, Page, () => application, wx);
    return module.exports;
  };

  const draw = () => {
    const page = stack.at(-1), sheets = [files["app.wxss"], files[`${page.route}.wxss`] || ""].join("\n");
    document.querySelector("style").textContent = sheets.replace(/(-?[\d.]+)rpx/g, (_, n) => `calc(${n} * 100vw / 750)`);
    document.querySelector("header b").textContent = document.title = page.title;
    document.querySelector("header button").hidden = stack.length < 2;
    document.querySelector("page").replaceChildren(...drawn(page.markup, page.data, page, page.route));
  };
  const made = (url) => {
    const [path, query] = url.split("?"), route = path.slice(1);
    if (path[0] !== "/" || !app.pages.includes(route)) throw new Error(`no page ${url}`);
    run(`${route}.js`);
    const options = kinds[route], page = Object.assign({}, options);
    page.data = JSON.parse(JSON.stringify(options.data));
    const escaped = { "&": "&amp;", "<": "&lt;" };
    const text = files[`${route}.wxml`].replace(/\{\{.*?\}\}/g, (one) => one.replace(/[&<]/g, (sign) => escaped[sign]))
      .replace(/ wx:else(?=[ >])/g, ' wx:else=""');
    const markup = new DOMParser().parseFromString(`<page xmlns:wx="wx">${text}</page>`, "text/xml");
    if (markup.querySelector("parsererror")) throw new Error(`${route}.wxml: ${markup.documentElement.textContent}`);
    Object.assign(page, { route, kept: new Map(), markup: markup.documentElement });
    page.title = JSON.parse(files[`${route}.json`]).navigationBarTitleText || app.window.navigationBarTitleText;
    page.setData = (values) => {
      for (const [name, one] of Object.entries(values)) {
        if (one === undefined) throw new Error(`setData({ ${name}: undefined })`);
        page.data[name] = JSON.parse(JSON.stringify(one));
      }
      try { if (stack.at(-1) === page) draw(); } catch (error) { reportError(error); }
    };
    return [page, Object.fromEntries(new URLSearchParams(query))];
  };
  const enter = (url) => {
    const [page, options] = made(url);
    stack.push(page);
    draw();
    if (page.onLoad) page.onLoad(options);
    if (page.onShow && stack.at(-1) === page) page.onShow();
  };
  const back = () => { stack.pop(); draw(); const page = stack.at(-1); if (page.onShow) page.onShow(); };
  document.querySelector("header button").onclick = back;

  const ours = (url) => { if (!url.startsWith(base)) throw new Error(`${url} is no request domain`); };
  const named = (name, given, known) => {
    const more = Object.keys(given).filter((one) => !["success", "fail", "complete", ...known].includes(one));
    if (more.length) throw new Error(`wx.${name} knows no ${more}`);
  };
  const asked = (name, known, act) => (given = {}) => {
    named(name, given, known);
    act(given).then(
      (told) => { if (given.success) given.success({ errMsg: `${name}:ok`, ...told }); },
      (error) => { if (given.fail) given.fail({ errMsg: `${name}:fail ${error}` }); },
    );
  };
  const moved = (name, act) => (given) => {
    // The program may catch what is thrown here and tell it as if the network were down.
    try { named(name, given, ["url"]); act(given.url); } catch (error) { reportError(error); }
  };
  const wx = new Proxy({
    login: asked("login", [], async () => ({ code: await wechatCode("login") })),
    request: asked("request", ["url", "method", "data", "header"], async ({ url, method = "GET", data, header }) => {
      ours(url);
      const body = method === "GET" ? undefined : JSON.stringify(data);
      const answer = await fetch(url, { method, body, headers: { "content-type": "application/json", ...header } });
      const text = await answer.text();
      let told = text;
      try { told = JSON.parse(text); } catch { /* WeChat hands on the text */ }
      return { statusCode: answer.status, data: told };
    }),
    downloadFile: asked("downloadFile", ["url", "header"], async ({ url, header }) => {
      ours(url);
      const answer = await fetch(url, { headers: header });
      return { statusCode: answer.status, tempFilePath: URL.createObjectURL(await answer.blob()) };
    }),
    openDocument: asked("openDocument", ["filePath", "fileType", "showMenu"], async ({ filePath, fileType }) => {
      const bytes = new Uint8Array(await (await fetch(filePath)).arrayBuffer());
      window.phone.opened.push({ fileType, text: btoa(String.fromCharCode(...bytes)) });
    }),
    setClipboardData: asked("setClipboardData", ["data"], async ({ data }) => { window.phone.copied = data; return {}; }),
    scanCode: asked("scanCode", [], async () => {
      if (!window.phone.scanned) throw "cancel";
      return { result: window.phone.scanned };
    }),
    requestSubscribeMessage: asked("requestSubscribeMessage", ["tmplIds"], async ({ tmplIds }) =>
      Object.fromEntries(tmplIds.map((one) => [one, window.phone.accept ? "accept" : "reject"]))),
    navigateTo: moved("navigateTo", enter),
    redirectTo: moved("redirectTo", (url) => { stack.pop(); enter(url); }),
    reLaunch: moved("reLaunch", (url) => { stack.length = 0; enter(url); }),
  }, { get: (known, name) => { if (!(name in known)) throw new Error(`wx.${String(name)} is not there`); return known[name]; } });

  window.getApp = () => application; // for tests that look inside
  run("app.js");
  if (application === null) throw new Error("app.js calls no App()");
  enter(`/${app.pages[0]}`);
};
