// Reads what the service at URL answers with SCIMMY's classes, which refuse
// what RFC 7643 and 7644 do not allow: each answer is read, and nothing of it
// may get lost on the way.

import assert from "node:assert/strict";
import SCIMMY from "scimmy";

const { URL: base, TOKEN } = process.env;
const { Schemas, Messages, Types } = SCIMMY;
SCIMMY.Resources.declare(SCIMMY.Resources.User.extend(Schemas.EnterpriseUser), {});
SCIMMY.Resources.declare(SCIMMY.Resources.Group, {});

async function call(method, path, body) {
  const response = await fetch(base + path, {
    method,
    headers: { Authorization: `Bearer ${TOKEN}`, "Content-Type": "application/scim+json" },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text ? JSON.parse(text) : undefined };
}

async function want(status, method, path, body) {
  const answer = await call(method, path, body);
  assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

// kept fails where a class left out or changed what it was given.
function kept(given, parsed, at = "") {
  if (given !== null && typeof given === "object") {
    for (const key of Object.keys(given)) kept(given[key], parsed?.[key], `${at}.${key}`);
  } else if (!Number.isNaN(Date.parse(given)) && /\d{4}-\d\d-\d\dT/.test(given)) {
    assert.equal(new Date(parsed).getTime(), new Date(given).getTime(), at);
  } else {
    assert.equal(parsed, given, at);
  }
}

const read = (Class, body) => kept(body, new Class(body, "both"));

// Users and groups.
const enterprise = Schemas.EnterpriseUser.id;
const ann = await want(201, "POST", "/Users", {
  schemas: [Schemas.User.id, enterprise], userName: "ann@example.com", externalId: "E1", displayName: "Ann", active: true, password: "secret", profileUrl: "https://example.com/ann",
  name: { givenName: "Ann", familyName: "A" }, emails: [{ value: "ann@example.com", type: "work", primary: true }], addresses: [{ type: "home", locality: "Ulm" }],
  roles: [{ value: "guide" }], [enterprise]: { employeeNumber: "1", department: "Tours" },
});
read(Schemas.User, ann);
const bob = await want(201, "POST", "/Users", { schemas: [Schemas.User.id], userName: "bob@example.com" });
const inner = await want(201, "POST", "/Groups", { schemas: [Schemas.Group.id], displayName: "Inner", members: [{ value: ann.id }, { value: bob.id }] });
read(Schemas.Group, inner);
read(Schemas.Group, await want(201, "POST", "/Groups", { schemas: [Schemas.Group.id], displayName: "Outer", members: [{ value: inner.id }] }));
const mirrored = await want(200, "GET", `/Users/${ann.id}`);
assert.equal(mirrored.groups.length, 2);
read(Schemas.User, mirrored);

// Messages: SCIMMY writes the requests too.
const search = new Messages.SearchRequest().prepare({ filter: 'emails[type eq "work"] or members pr', sortBy: "displayName", startIndex: 1, count: 2, excludedAttributes: ["meta"] });
for (const body of [await want(200, "GET", "/Users?count=1"), await want(200, "POST", "/.search", search), await want(200, "GET", "/Groups?startIndex=9")]) {
  const list = new Messages.ListResponse(body);
  assert.equal(list.totalResults, body.totalResults);
  assert.equal(list.startIndex, body.startIndex);
  assert.equal(list.Resources.length, body.itemsPerPage);
  for (const resource of list.Resources) read(resource.schemas.includes(Schemas.User.id) ? Schemas.User : Schemas.Group, resource);
}
const operations = [{ op: "add", path: "members", value: [{ value: bob.id }] }, { op: "remove", path: `members[value eq "${ann.id}"]` }];
read(Schemas.Group, await want(200, "PATCH", `/Groups/${inner.id}`, new Messages.PatchOp({ schemas: [Messages.PatchOp.id], Operations: operations })));
const bulk = new Messages.BulkRequest({ schemas: ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], Operations: [
  { method: "POST", path: "/Users", bulkId: "u", data: { schemas: [Schemas.User.id], userName: "carl@example.com" } },
  { method: "POST", path: "/Groups", bulkId: "g", data: { schemas: [Schemas.Group.id], displayName: "Bulk", members: [{ value: "bulkId:u" }] } },
  { method: "DELETE", path: "/Users/none" },
] });
const done = new Messages.BulkResponse(await want(200, "POST", "/Bulk", bulk));
assert.deepEqual(done.Operations.map(({ status }) => status), ["201", "201", "404"]);
const made = done.resolve();
assert.ok(made.get("u") && made.get("g"), "bulkIds lead to ids");

// Errors: SCIMMY throws them as its own.
for (const [status, scimType, method, path, body] of [
  [404, undefined, "GET", "/Users/none"],
  [409, "uniqueness", "POST", "/Users", { schemas: [Schemas.User.id], userName: "ANN@example.com" }],
  [400, "invalidFilter", "GET", "/Users?filter=userName"],
  [400, "invalidSyntax", "POST", "/Users", { userName: "x" }],
  [400, "invalidValue", "POST", "/Users", { schemas: [Schemas.User.id] }],
  [400, "noTarget", "PATCH", `/Users/${ann.id}`, { schemas: [Messages.PatchOp.id], Operations: [{ op: "remove" }] }],
  [400, "invalidPath", "PATCH", `/Users/${ann.id}`, { schemas: [Messages.PatchOp.id], Operations: [{ op: "remove", path: "none" }] }],
  [400, "mutability", "PATCH", `/Users/${ann.id}`, { schemas: [Messages.PatchOp.id], Operations: [{ op: "remove", path: "userName" }] }],
  [501, undefined, "GET", "/Me"],
]) {
  const body_ = await want(status, method, path, body);
  assert.throws(() => new Messages.ErrorResponse(body_), (error) => {
    assert.ok(error instanceof Types.Error);
    assert.equal(error.scimType, scimType);
    assert.equal(Number(error.status), status);
    return true;
  });
  // The same content passes its checks of which scimType goes with which status.
  new Messages.ErrorResponse({ ...body_, schemas: undefined, message: body_.detail });
}

// Discovery.
const config = await want(200, "GET", "/ServiceProviderConfig");
const { schemas, meta, authenticationSchemes, ...features } = config;
for (const scheme of authenticationSchemes) delete scheme.primary; // RFC 7643 section 8.5 shows it; SCIMMY does not know it
kept({ ...features, authenticationSchemes }, new Schemas.ServiceProviderConfig(config));
SCIMMY.Config.set(features);
const types = new Messages.ListResponse(await want(200, "GET", "/ResourceTypes"));
for (const type of types.Resources) kept(type, new Schemas.ResourceType(type, base + "/ResourceTypes"));

// Schemas: both tables come from RFC 7643 section 8.7. Where they differ, the
// RFC is named that decides.
const known = new Map(Object.entries({
  "profileUrl.caseExact": "RFC 7643 2.3.7: references are case exact",
  "$ref.caseExact": "RFC 7643 2.3.7",
  "value.caseExact": "RFC 7643 2.3.7, of photos",
}));
const used = new Set();
function same(ours, theirs, at) {
  const characteristics = ["type", "multiValued", "required", "caseExact", "mutability", "returned", "uniqueness"];
  for (const name of characteristics) {
    const [a, b] = [ours[name], JSON.parse(JSON.stringify(theirs))[name]];
    if (a === b || a === undefined || b === undefined) continue;
    const place = `${ours.name}.${name}`;
    assert.ok(known.has(place), `${at}.${place}: ${a} here, ${b} there`);
    used.add(place);
  }
  const subs = (attribute) => (attribute.subAttributes ?? []).map(({ name }) => name).sort();
  assert.deepEqual(subs(ours), subs(JSON.parse(JSON.stringify(theirs))), at + "." + ours.name);
  for (const sub of ours.subAttributes ?? []) same(sub, theirs.subAttributes.find(({ name }) => name === sub.name), `${at}.${ours.name}`);
}
const definitions = await want(200, "GET", "/Schemas");
for (const ours of definitions.Resources) {
  const { definition } = [Schemas.User, Schemas.Group, Schemas.EnterpriseUser].find(({ id }) => id === ours.id);
  const theirs = definition.describe();
  assert.deepEqual(ours.attributes.map(({ name }) => name).sort(), theirs.attributes.map(({ name }) => name).sort());
  for (const attribute of ours.attributes) same(attribute, theirs.attributes.find(({ name }) => name === attribute.name), ours.name);
}
assert.deepEqual([...used].sort(), [...known.keys()].sort());
