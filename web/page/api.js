// Requests to the server. What was read is kept while the page lives (the database does not change), except labels.

const BASE = "/api/v1";
const MOST_KEPT = 60;
const kept = new Map();
let token = null;

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(BASE + path, options);
  } catch {
    throw new ApiError(0, "unreachable", "The server does not answer. Is sae serve still running?");
  }
  const body = await response.json().catch(() => null);
  if (response.ok && body) return body;
  throw new ApiError(response.status, body?.error?.code ?? "failed", body?.error?.message ?? `The server answered with status ${response.status}.`);
}

export function address(path, query = {}) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== null && value !== undefined && value !== "") params.set(name, value);
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

export function get(path, query) {
  const key = address(path, query);
  if (!kept.has(key)) {
    const promise = request(key);
    kept.set(key, promise);
    promise.catch(() => kept.delete(key));
    if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
  }
  return kept.get(key);
}

// Reads anew; for what can change.
export function fresh(path, query) {
  return request(address(path, query));
}

async function sendOnce(method, path, body) {
  token ??= (await request("/meta")).token;
  return request(path, {
    method,
    headers: { "Content-Type": "application/json", "X-Sae-Token": token },
    body: JSON.stringify(body ?? {}),
  });
}

export async function send(method, path, body) {
  let result;
  try {
    result = await sendOnce(method, path, body);
  } catch (error) {
    if (error.status !== 403) throw error;
    token = null; // of an earlier start of the server
    result = await sendOnce(method, path, body);
  }
  if (method !== "POST" || !path.endsWith("/encode")) kept.clear();
  return result;
}

// {"f32": base64 of little-endian numbers}, as long arrays are sent; NaN stands for null.
export function floats(packed) {
  const bytes = Uint8Array.from(atob(packed.f32), (c) => c.charCodeAt(0));
  const view = new DataView(bytes.buffer);
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
}

export const latentPath = (sae, latent) => `/saes/${encodeURIComponent(sae)}/latents/${latent}`;
