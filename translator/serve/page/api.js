// What the server is asked for.

export class RequestFailed extends Error {
  /** `status` is HTTP's, 0 where there was no answer; `retryAfter` is in seconds, or null. */
  constructor(status, message, retryAfter = null) {
    super(message);
    Object.assign(this, {status, retryAfter});
  }
}

export class Api {
  key = "";

  /** The models and the limits. */
  models() {
    return this.#ask("v1/models");
  }

  translate(body, signal) {
    return this.#ask("v1/translate", body, signal);
  }

  inspect(body, signal) {
    return this.#ask("v1/inspect", body, signal);
  }

  async #ask(path, body, signal) {
    const headers = {"Content-Type": "application/json"};
    if (this.key) headers.Authorization = `Bearer ${this.key}`;
    const how = body ? {method: "POST", headers, body: JSON.stringify(body), signal} : {signal};
    let response, answer;
    try {
      response = await fetch(path, how);
      answer = await response.json();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new RequestFailed(response?.status ?? 0, "the server gave no answer");
    }
    if (!response.ok) {
      const seconds = Number(response.headers.get("Retry-After")) || null;
      throw new RequestFailed(response.status, answer.error ?? response.statusText, seconds);
    }
    return answer;
  }
}
