"use strict";

/** Resolves to `ok` and the server's JSON as `answer`; on failure, `answer.detail` says why, in words. */
async function askServer(address, options) {
  try {
    const response = await fetch(address, options);
    const json = response.headers.get("Content-Type")?.startsWith("application/json");
    return { ok: response.ok && json, status: response.status, answer: json ? await response.json() : { detail: (await response.text()).trim() } };
  } catch {
    return { ok: false, answer: { detail: "the server does not answer; is it still running?" } };
  }
}
