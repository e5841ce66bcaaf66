// One button: sends the token of the fragment to the API, with the passwords asked for.
"use strict";
const form = document.getElementById("form");
const problem = document.getElementById("problem");
const done = document.getElementById("done");
const signIn = document.getElementById("sign-in");
const token = new URLSearchParams(location.hash.slice(1)).get("token");
history.replaceState(null, "", location.pathname);
if (!token) fail(form.dataset.missing);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  problem.textContent = form.dataset.working;
  try {
    await act();
  } catch {
    problem.textContent = form.dataset.failed;
  }
  button.disabled = false;
});

async function act() {
  const body = { token };
  const login = {};
  for (const [name, value] of new FormData(form)) {
    if (name.startsWith("login:")) login[name.slice(6)] = value;
    else body[name] = value;
  }
  const headers = {};
  if (login.email) {
    const answer = await post("/v1/auth/login", login, {});
    if (!answer.ok) return explain(answer);
    headers.Authorization = "Bearer " + (await answer.json()).access_token;
  } else {
    const csrf = document.cookie.match(/(?:^|; )__Host-csrf=([^;]+)/);
    if (csrf) headers["X-CSRF-Token"] = csrf[1];
  }
  const answer = await post(form.dataset.call, body, headers);
  problem.textContent = "";
  if (answer.ok) {
    form.hidden = true;
    done.hidden = false;
  } else if (answer.status === 401 && signIn.disabled) {
    signIn.hidden = signIn.disabled = false;
  } else {
    await explain(answer);
  }
}

function post(url, body, headers) {
  return fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

async function explain(answer) {
  const { detail, errors = [] } = await answer.json();
  problem.textContent = [detail, ...errors.map((error) => error.detail)].join(" ");
}

function fail(text) {
  problem.textContent = text;
  form.hidden = true;
}
