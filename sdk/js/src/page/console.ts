// The console's module: copies ids, and keeps tables fresh while somebody watches. Everything works without it.

for (const button of document.querySelectorAll<HTMLButtonElement>("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => void copy(button));
}

for (const select of document.querySelectorAll<HTMLSelectElement>("select[data-go]")) {
  select.addEventListener("change", () => select.form?.submit());
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
