/** Getting in: what the address brought is kept only when it fits, and never in the place of a token that does. */

import { createClient, Refused } from "./client.js";

/** The token that fits goes into the memory: a code is exchanged for it; a token that came is tried when the one kept does not fit.
 * Whether anything fits is seen at the next request. Throws Lost when the server does not answer.
 * @param {{token: string | null, code: string | null}} given
 * @param {{token: () => string, setToken: (token: string) => void}} memory
 * @param {typeof fetch} [send] */
export async function enter({ token, code }, memory, send) {
  if (code) {
    const got = await unlessRefused(() => createClient(() => "", send).enter(code));
    if (got) return memory.setToken(got);
  }
  const kept = memory.token();
  if (!token || token === kept) return;
  if (kept && (await fits(kept))) return;
  if (await fits(token)) memory.setToken(token);

  /** @param {string} key */
  async function fits(key) {
    return Boolean(await unlessRefused(() => createClient(() => key, send).fields()));
  }
}

/** What comes, or null when the server refuses.
 * @template T
 * @param {() => Promise<T>} ask
 * @returns {Promise<T | null>} */
async function unlessRefused(ask) {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Refused) return null;
    throw error;
  }
}
