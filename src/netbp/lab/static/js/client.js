/** Requests to the server. */

/** A client. */
export function createClient() {
  return {};
}
