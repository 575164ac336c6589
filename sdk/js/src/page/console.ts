// The console's module: copies ids, and hands texts out as files. Everything works without it.

for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => (button.dataset["save"] === undefined ? void copy(button) : save(button)));
}

for (const select of document.querySelectorAll<HTMLSelectElement>("select[data-go]")) {
  select.addEventListener("change", () => select.form?.submit());
}

/** Gives a text of the page to the browser as a file of that name. */
function save(button: HTMLButtonElement): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([button.dataset["copy"] ?? ""], { type: "application/json" }));
  link.download = button.dataset["save"] ?? "";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function copy(button: HTMLButtonElement): Promise<void> {
  const text = button.dataset["copy"] ?? "";
  const done = await write(text);
  button.dataset["state"] = done ? "copied" : "failed";
  setTimeout(() => delete button.dataset["state"], 1500);
}

/** The clipboard's own interface exists in secure contexts only; elsewhere a selected field serves. */
async function write(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    return done;
  }
}
