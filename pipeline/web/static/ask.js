"use strict";

/** What the server says as `answer`, and whether it is `ok`; why it does not, in words, as `answer.detail`. */
async function askServer(address, options) {
  try {
    const answer = await fetch(address, options);
    const json = answer.headers.get("Content-Type")?.startsWith("application/json");
    return { ok: answer.ok && json, answer: json ? await answer.json() : { detail: (await answer.text()).trim() } };
  } catch {
    return { ok: false, answer: { detail: "the server does not answer; is it still running?" } };
  }
}
