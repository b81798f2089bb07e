// Elements. Text enters the page only as text, never as markup.

/** An element with properties, attributes (with a dash or a colon in the name, or `role`) and children. */
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && !key.includes("-")) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const byId = (id) => document.getElementById(id);

function say(text) {
  byId("live").textContent = text;
}

/** A section with its heading and an entry in the navigation. */
function section(id, title, ...children) {
  byId("sections").append(element("a", { href: "#" + id }, title));
  const made = element("section", { id, "aria-labelledby": id + "-title" },
    element("h2", { id: id + "-title" }, title), ...children);
  byId("main").append(made);
  return made;
}

const note = (...children) => element("p", { className: "note" }, ...children);

/** A choice: a row of buttons, one of them pressed. */
function choice(label, options, chosen, choose) {
  const buttons = options.map(([value, text]) =>
    element("button", { type: "button", "aria-pressed": String(value === chosen), onclick: () => set(value, true) }, text));
  function set(value, tell) {
    options.forEach(([other], at) => buttons[at].setAttribute("aria-pressed", String(other === value)));
    if (tell) choose(value);
  }
  const made = element("div", { className: "choice", role: "group", "aria-label": label },
    element("span", { className: "label", "aria-hidden": "true" }, label), ...buttons);
  return { made, set };
}

function select(label, options, chosen, choose) {
  const list = element("select", { onchange: () => choose(list.value) },
    options.map(([value, text]) => element("option", { value, selected: value === chosen }, text)));
  return element("label", { className: "choice" }, element("span", { className: "label" }, label), list);
}

const button = (text, label, act) =>
  element("button", { type: "button", "aria-label": label, title: label, onclick: act }, text);

const swatch = (colour, kind = "") => {
  const made = element("span", { className: "swatch " + kind, "aria-hidden": "true" });
  made.style.backgroundColor = colour;
  return made;
};

/** A colour of the current theme. */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
