// The vendor's own SDK, as npm serves it, goes through what it can do with
// users, invitations, roles and tenants. It prints nothing unless it fails.
import assert from "node:assert/strict";
import { Platform } from "@roq/nodejs";

const { ROQ_URL, ROQ_ENVIRONMENT_ID, ROQ_API_KEY, ROQ_TENANT_ID, ROQ_INVITER_ID, ROQ_MEMBER_ID } = process.env;
const platform = new Platform({ host: ROQ_URL, environmentId: ROQ_ENVIRONMENT_ID, apiKey: ROQ_API_KEY });
const roq = platform.asSuperAdmin();

const failure = async (promise) => {
  try {
    await promise;
  } catch (err) {
    return err;
  }
  assert.fail("it was not refused");
};

const row = (email, more) => ({ createdByUserId: ROQ_INVITER_ID, email, ...more });
const send = async (...userInvites) =>
  (await roq.sendUserInvites({ data: { tenantId: ROQ_TENANT_ID, userInvites } })).sendUserInvitesV2;

// Invitations: sent, refused row by row, listed, read.
const sent = await send(
  row("ann@example.com", { firstName: "Ann", roles: ["member"], injectableVariables: { team: "Red" } }),
  row("bob@example.com"),
  row("demo-admin@example.com"),
);
assert.deepEqual(sent.success.map((i) => [i.email, i.status]), [["ann@example.com", "pending"], ["bob@example.com", "pending"]]);
assert.equal(sent.errors.length, 1);
assert.equal(JSON.parse(sent.errors[0].error).errorCode, "USER_ALREADY_EXISTS");
const [ann, bob] = sent.success;

const pending = (await roq.userInvites({
  filter: { tenantId: { equalTo: ROQ_TENANT_ID }, status: { equalTo: "pending" } },
  order: { sort: "email", order: "ASC" },
  limit: 1,
  offset: 1,
})).userInvites;
assert.equal(pending.totalCount, 2);
assert.deepEqual(pending.data.map((i) => i.id), [bob.id]);
assert.deepEqual((await roq.userInvite({ id: ann.id })).userInvite.roleKeys, ["member"]);

// Canceled, resent, canceled again; then the refusal as the SDK's own error.
assert.equal((await roq.cancelUserInvite({ userInviteId: bob.id })).cancelUserInvite.status, "canceled");
assert.equal((await roq.resendUserInvite({ userInviteId: bob.id })).resendUserInvite.status, "pending");
await roq.cancelUserInvite({ userInviteId: bob.id });
const late = await failure(roq.cancelUserInvite({ userInviteId: bob.id }));
assert.equal(late.constructor.name, "HttpException");
assert.equal(late.statusCode, 400);
assert.equal(late.errorCode, "USER_INVITE_CANCELLATION_FAILED");
assert.equal(late.message, "Unable to cancel user invite because invite is already canceled");

// Accepted with the token of the mail, which only the invitee has.
const token = await (await fetch(process.env.MAILS_URL + "/ann@example.com")).text();
const accepted = (await roq.acceptUserInvite({ data: { token } })).acceptUserInviteV2;
assert.equal(accepted.status, "accepted");

// Users and their roles.
const found = (await roq.userProfiles({ filter: { email: { equalTo: "ann@example.com" } }, withRoles: true, withTenant: true })).users;
assert.equal(found.totalCount, 1);
assert.equal(found.data[0].id, accepted.acceptedByUserId);
assert.equal(found.data[0].tenant.id, ROQ_TENANT_ID);
assert.deepEqual(found.data[0].roles.data.map((r) => r.key), ["member"]);
assert.equal(found.data[0].userGroups, undefined);
const made = (await roq.createUser({ user: { email: "cy@example.com", reference: "cy", tenantId: ROQ_TENANT_ID, password: "one" } })).createUser;
assert.equal(made.active, true);
assert.equal((await roq.assignRolesToUser({ userId: made.id, roleKeys: ["admin", "member"] })).assignRolesToUser, true);
await roq.unassignRolesFromUser({ userId: made.id, roleKeys: ["member"] });
const cy = (await roq.userProfile({ id: made.id, withRoles: true })).user;
assert.deepEqual(cy.roles.data.map((r) => r.key), ["admin"]);
assert.equal((await roq.changeUserPassword({ data: { userId: made.id, password: "one", newPassword: "two" } })).changeUserPasswordV2, true);
assert.equal((await roq.verifyPassword({ userId: made.id, password: "two" })).verifyPassword, true);
assert.equal((await roq.sendUserResetPasswordMail({ userId: made.id })).sendUserResetPasswordMail, true);
assert.equal((await roq.sendMail({ mail: { key: "hello", locale: "en-US", emails: ["x@example.com"] } })).sendMail.mailsSent.count, 1);
assert.equal((await roq.updateUser({ id: made.id, user: { active: false } })).updateUser.active, false);
assert.equal((await roq.updateTenant({ id: ROQ_TENANT_ID, tenant: { name: "Acme Inc." } })).updateTenant.name, "Acme Inc.");

// What has no method is reached by a query of one's own.
const raw = await roq.graphqlRequest("query ($f: RoleFilterArgType) { roles(filter: $f) { data { key } totalCount } }", { f: { invite: { equalTo: true } } });
assert.equal(raw.status, 200);
assert.equal(raw.data.roles.totalCount, 2);

// A user acts within his role and tenant.
const member = platform.asUser(ROQ_MEMBER_ID, 600);
assert.ok((await member.userProfiles({})).users.totalCount > 0);
const forbidden = await failure(member.cancelUserInvite({ userInviteId: ann.id }));
assert.equal(forbidden.statusCode, 403);
assert.equal(forbidden.errorCode, "FORBIDDEN");

// The docs' older shape, and a wrong key, which the SDK notices late.
const old = await failure(roq.sendUserInvites({ userInvites: { tenantId: ROQ_TENANT_ID, userInvites: [row("dee@example.com")] } }));
assert.equal(old.errorCode, "GRAPHQL_VALIDATION_FAILED");
const stranger = new Platform({ host: ROQ_URL, environmentId: ROQ_ENVIRONMENT_ID, apiKey: "wrong" }).asSuperAdmin();
const refused = await failure(stranger.userInvites({}));
assert.equal(refused.statusCode, 401);
assert.equal(refused.errorCode, "INVALID_CREDENTIALS");
const unknown = await failure(roq.userInvite({ id: "0b0e2f3a-9c1d-4e5f-8a7b-1c2d3e4f5a6b" }));
assert.equal(unknown.errorCode, "USER_INVITATION_NOT_FOUND");
