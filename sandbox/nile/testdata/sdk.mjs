// A tour of the vendor's own SDK, unmodified, through its apiUrl option.
import assert from "node:assert/strict";
import { Server, parseToken } from "@niledatabase/server";

const { NILE_URL: apiUrl, NILE_APP: app, NILE_STATE: state } = process.env;
// user, password and databaseName are for direct SQL alone, and never sent.
const options = { apiUrl, origin: app, secureCookies: false, user: "unused", password: "unused", databaseName: "unused" };
const nile = new Server(options);

// Who signs up has a tenant of his own at once.
const owner = await nile.auth.signUp({ email: "sdk@example.com", password: "Correct-horse-9", newTenantName: "SDK Inc" });
assert.equal(owner.email, "sdk@example.com");
const tenantId = owner.tenants[0];
assert.deepEqual(await nile.tenants.list(), [{ id: tenantId, name: "SDK Inc" }]);
assert.equal((await nile.users.getSelf()).id, owner.id);
assert.equal((await nile.auth.getSession()).user.email, "sdk@example.com");
assert.deepEqual(Object.keys(await nile.auth.listProviders()), ["credentials"]);

// Taken addresses: the SDK answers nothing.
assert.equal(await new Server(options).auth.signUp({ email: "sdk@example.com", password: "x" }), undefined);
await nile.auth.signIn("credentials", { email: "sdk@example.com", password: "Correct-horse-9" });

await nile.withContext({ tenantId }, async (sdk) => {
  // The tenant.
  assert.equal((await sdk.tenants.get()).name, "SDK Inc");
  assert.equal((await sdk.tenants.update({ name: "SDK & Co" })).name, "SDK & Co");

  // Invite, again, list, revoke.
  const invite = await sdk.tenants.invite({ email: "guest@example.com", callbackUrl: `${app}/welcome`, redirectUrl: `${app}/api/tenants/${tenantId}/invite` });
  assert.equal(invite.identifier, "guest@example.com");
  assert.equal(invite.roles, null);
  const again = await sdk.tenants.invite("guest@example.com");
  assert.equal(again.id, invite.id);
  assert.notEqual(again.token, invite.token);
  const other = await sdk.tenants.invite("other@example.com");
  assert.deepEqual((await sdk.tenants.invites()).map((i) => i.identifier), ["guest@example.com", "other@example.com"]);
  assert.equal((await sdk.tenants.deleteInvite(other.id)).status, 204);
  assert.equal((await sdk.tenants.invites()).length, 1);

  // Errors: a Response whose text says why; the SDK throws nothing.
  const refused = await sdk.tenants.invite("not an address");
  assert.ok(refused instanceof Response);
  assert.equal(refused.status, 400);
  assert.equal(await refused.text(), "email is not valid.");
  const old = await sdk.tenants.acceptInvite({ identifier: "guest@example.com", token: invite.token, callbackUrl: `${app}/welcome` });
  assert.equal(old.status, 404);
  assert.equal(await old.text(), "Invite not found");

  // Accept, and the members by it.
  const accepted = await sdk.tenants.acceptInvite({ identifier: "guest@example.com", token: again.token, callbackUrl: `${app}/welcome` });
  assert.equal(accepted.status, 302); // the SDK makes a redirection of every answer with a Location
  assert.equal(accepted.headers.get("location"), `${app}/welcome`);
  const users = await sdk.tenants.users();
  assert.deepEqual(users.map((u) => u.email), ["sdk@example.com", "guest@example.com"]);
  const guest = users[1].id;
  assert.equal((await sdk.tenants.removeMember({ userId: guest }, true)).status, 204);
  assert.equal((await sdk.tenants.addMember({ userId: guest })).email_verified, users[1].emailVerified);
  assert.equal((await sdk.tenants.users()).length, 2);
});

// The SDK's own handler turns the mailed link into the call.
const third = await nile.withContext({ tenantId }, (sdk) => sdk.tenants.invite("third@example.com"));
const link = `${app}/api/tenants/${tenantId}/invite?` + new URLSearchParams({ token: third.token, identifier: "third@example.com", callbackUrl: `${app}/in` });
const followed = await new Server(options).handlers.GET(new Request(link));
assert.equal(followed.status, 302);
assert.equal(followed.headers.get("location"), `${app}/in`);
// Who came by an invite has no password, and gets one by a reset.
const newcomer = new Server(options);
const failed = await newcomer.auth.signIn("credentials", { email: "third@example.com", password: "x" });
assert.equal(await failed.text(), "Login failed.");
const reset = await newcomer.auth.resetPassword({ email: "third@example.com", password: "New-horse-9", callbackUrl: `${app}/in`, redirectUrl: `${app}/api/auth/reset-password` });
assert.equal(reset.status, 204);
const signedIn = await newcomer.auth.signIn("credentials", { email: "third@example.com", password: "New-horse-9" }, true);
assert.ok(parseToken(signedIn.headers));
assert.equal((await newcomer.users.getSelf()).email, "third@example.com");
assert.equal((await newcomer.users.updateSelf({ name: "Third", familyName: "T", givenName: "T" })).name, "Third");
assert.equal((await newcomer.tenants.leaveTenant(tenantId)).status, 204);
assert.deepEqual(await newcomer.tenants.list(), []);
assert.equal((await newcomer.auth.signOut()).status, 200);

// A tenant of one's own, made and deleted.
await nile.auth.signIn("credentials", { email: "sdk@example.com", password: "Correct-horse-9" });
const second = await nile.tenants.create("Second");
assert.equal(second.name, "Second");
assert.equal((await nile.tenants.delete(second.id)).status, 204);

const seen = await (await fetch(state)).json();
assert.equal(seen.tenants.find((t) => t.id === tenantId).members.length, 2);
console.log("done");
