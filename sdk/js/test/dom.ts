// As much of a document as the page's modules use where they are tested without a browser.

class Text {
  constructor(readonly textContent: string) {}
}

/** An element: children, text, and the few attributes that the pages have. */
export class Element {
  id = "";
  className = "";
  hidden = false;
  readonly dataset: Record<string, string> = {};
  readonly attributes: Record<string, string> = {};
  parent: Element | null = null;
  private nodes: (Element | Text)[] = [];

  constructor(readonly tag: string) {}

  get children(): Element[] {
    return this.nodes.filter((node) => node instanceof Element);
  }

  get textContent(): string {
    return this.nodes.map((node) => node.textContent).join("");
  }

  set textContent(text: string) {
    this.nodes = text === "" ? [] : [new Text(text)];
  }

  append(...nodes: (Element | string)[]): void {
    for (const node of nodes) {
      if (node instanceof Element) node.parent = this;
      this.nodes.push(node instanceof Element ? node : new Text(node));
    }
  }

  replaceChild(after: Element, before: Element): void {
    after.parent = this;
    this.nodes[this.nodes.indexOf(before)] = after;
  }

  remove(): void {
    const { parent } = this;
    if (parent) parent.nodes = parent.nodes.filter((node) => node !== this);
  }

  setAttribute(name: string, value: string): void {
    this.attributes[name] = value;
  }

  /** The first element below this one for which `wanted` holds. */
  find(wanted: (element: Element) => boolean): Element | null {
    for (const child of this.children) {
      const found = wanted(child) ? child : child.find(wanted);
      if (found) return found;
    }
    return null;
  }

  querySelector(selector: string): Element | null {
    return this.find(({ className }) => className.split(" ").includes(selector.slice(1)));
  }
}

/** Makes a document with this body the one that the modules see. */
export function install(body: Element): void {
  const document = { createElement: (tag: string) => new Element(tag), getElementById: (id: string) => body.find((element) => element.id === id) };
  Object.assign(globalThis, { document });
}

/** An element with an id, a class and children. */
export function make(tag: string, id: string, className: string, ...children: (Element | string)[]): Element {
  const made = new Element(tag);
  [made.id, made.className] = [id, className];
  made.append(...children);
  return made;
}
