// A SCIM 2.0 service that we did not write: scimmy-routers over Express, with
// users, groups and the enterprise extension in memory. A test starts it with
// nodetest.Serve, from its own folder:
//
//	url := nodetest.Serve(t, "../../internal/nodetest/scim/peer.mjs", map[string]string{"TOKEN": token})
//
// TOKEN      the bearer token that every request needs; required
// BASE_PATH  /scim/v2 when not set
// USERS      a JSON list of users to begin with; an id may be chosen
// GROUPS     the same of groups, whose members are in it or among the users
//
// The first line it prints is its URL with the base path. It serves until it is
// ended. What it keeps to itself, beside what SCIMMY does:
//   - userName is unique without regard to case: 409, uniqueness
//   - members have to exist: 400, invalidValue
//   - a user's groups are those that have it as a member; who is deleted leaves them
//   - filters compare by case, since SCIMMY's do; a PATCH that changes nothing answers 204
//   - there are no entity tags; a page has 20 resources unless count says otherwise

import { randomUUID } from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const { TOKEN, BASE_PATH = "/scim/v2", USERS = "[]", GROUPS = "[]" } = process.env;
if (!TOKEN) throw new Error("TOKEN is not set");

const users = new Map();
const groups = new Map();
const refuse = (status, scimType, message) => { throw new SCIMMY.Types.Error(status, scimType, message); };
const fold = (text) => String(text).toLowerCase();

// save stores what SCIMMY read from a request, under its id or a new one.
function save(store, id, data) {
  if (id !== undefined && !store.has(id)) refuse(404, null, `Resource ${id} not found`);
  const now = new Date().toISOString();
  const created = store.get(id)?.meta.created ?? now;
  const resource = { ...JSON.parse(JSON.stringify(data)), id: id ?? randomUUID(), meta: { created, lastModified: now } };
  store.set(resource.id, resource);
  return resource;
}

function checkUser(id, data) {
  for (const other of users.values()) {
    if (other.id !== id && fold(other.userName) === fold(data.userName)) refuse(409, "uniqueness", "userName is in use already");
  }
  delete data.password;
  return data;
}

function checkGroup(data) {
  const members = new Map();
  for (const { value } of data.members ?? []) {
    const member = users.get(value) ?? groups.get(value) ?? refuse(400, "invalidValue", `There is no member ${value}`);
    members.set(value, { value, display: member.displayName ?? member.userName, type: users.has(value) ? "User" : "Group" });
  }
  return { ...data, members: members.size ? [...members.values()] : undefined };
}

function withGroups(user) {
  const mine = [...groups.values()].filter((group) => group.members?.some(({ value }) => value === user.id));
  return mine.length ? { ...user, groups: mine.map(({ id, displayName }) => ({ value: id, display: displayName, type: "direct" })) } : user;
}

// find answers a look-up by id, or a list through the request's filter.
function find(store, resource, show) {
  if (resource.id) return show(store.get(resource.id) ?? refuse(404, null, `Resource ${resource.id} not found`));
  const all = [...store.values()].map(show);
  return resource.filter?.match(all) ?? all;
}

function drop(store, { id }) {
  if (!store.delete(id)) refuse(404, null, `Resource ${id} not found`);
  for (const group of groups.values()) group.members = group.members?.filter(({ value }) => value !== id);
}

SCIMMY.Resources.declare(SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser), {
  ingress: (resource, data) => withGroups(save(users, resource.id, checkUser(resource.id, JSON.parse(JSON.stringify(data))))),
  egress: (resource) => find(users, resource, withGroups),
  degress: (resource) => drop(users, resource),
});
SCIMMY.Resources.declare(SCIMMY.Resources.Group, {
  ingress: (resource, data) => save(groups, resource.id, checkGroup(JSON.parse(JSON.stringify(data)))),
  egress: (resource) => find(groups, resource, (group) => group),
  degress: (resource) => drop(groups, resource),
});

const now = new Date().toISOString();
for (const [store, seeds] of [[users, USERS], [groups, GROUPS]]) {
  for (const seed of JSON.parse(seeds)) {
    const resource = { id: randomUUID(), ...seed, meta: { created: now, lastModified: now } };
    store.set(resource.id, store === groups ? checkGroup(resource) : resource);
  }
}

const app = express();
app.use((request, response, next) => {
  // Express 5 reads the query anew each time; SCIMMY writes numbers into it.
  Object.defineProperty(request, "query", { value: { ...request.query }, writable: true });
  next();
});
app.use(BASE_PATH, new SCIMMYRouters({
  type: "bearer",
  docUri: "https://www.rfc-editor.org/info/rfc6750",
  baseUri: (request) => `http://${request.headers.host}`,
  handler: (request) => {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) throw new Error("The access token is missing or not valid");
  },
}));
const server = app.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}${BASE_PATH}`));
