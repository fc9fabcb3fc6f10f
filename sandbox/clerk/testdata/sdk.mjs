// A tour with the vendor's own SDK, as it is published, of what an application
// does with users, organizations, members, invitations and roles.
import assert from "node:assert/strict";
import { createClerkClient, verifyToken } from "@clerk/backend";
import { isClerkAPIResponseError } from "@clerk/backend/errors";

const { CLERK_URL: apiUrl, CLERK_SECRET_KEY: secretKey, CLERK_ORGANIZATION: organizationId, CLERK_ADMIN: admin } = process.env;
const clerk = createClerkClient({ secretKey, apiUrl, telemetry: { disabled: true } });
const organizations = clerk.organizations;

// failure returns the SDK's own error of a call that has to be refused.
async function failure(call) {
  const error = await call.then(() => assert.fail("not refused"), (e) => e);
  assert.ok(isClerkAPIResponseError(error), String(error));
  assert.match(error.clerkTraceId, /^[0-9a-f]{32}$/);
  return error;
}

// Users.
const ada = await clerk.users.createUser({
  emailAddress: ["Ada@Example.com"], firstName: "Ada", externalId: "ext-1", skipPasswordRequirement: true, publicMetadata: { team: { name: "a" } },
});
assert.equal(ada.primaryEmailAddress.emailAddress, "ada@example.com");
assert.equal(ada.emailAddresses[0].verification.strategy, "admin");
assert.equal((await clerk.users.getUser(ada.id)).externalId, "ext-1");
const found = await clerk.users.getUserList({ emailAddress: ["ada@example.com"], limit: 5 });
assert.deepEqual(found.data.map((u) => u.id), [ada.id]);
assert.equal(found.totalCount, 1);
assert.equal(await clerk.users.getCount(), 2);
assert.equal((await clerk.users.updateUser(ada.id, { lastName: "L", publicMetadata: { only: 1 } })).lastName, "L");
assert.deepEqual((await clerk.users.updateUserMetadata(ada.id, { publicMetadata: { more: { b: 2 } } })).publicMetadata, { only: 1, more: { b: 2 } });
assert.equal((await clerk.users.banUser(ada.id)).banned, true);
assert.equal((await clerk.users.unbanUser(ada.id)).banned, false);
assert.equal((await clerk.users.lockUser(ada.id)).locked, true);
assert.equal((await clerk.users.unlockUser(ada.id)).locked, false);
const taken = await failure(clerk.users.createUser({ emailAddress: ["ada@example.com"], skipPasswordRequirement: true }));
assert.deepEqual([taken.status, taken.errors[0].code, taken.errors[0].meta.paramName], [422, "form_identifier_exists", "email_address"]);

// Organizations and members.
const beta = await organizations.createOrganization({ name: "Beta", slug: "beta", createdBy: ada.id, maxAllowedMemberships: 0 });
assert.equal((await organizations.getOrganization({ slug: "beta", includeMembersCount: true })).membersCount, 1);
assert.equal((await organizations.updateOrganization(beta.id, { name: "Gamma", publicMetadata: { a: 1 } })).publicMetadata.a, 1);
assert.equal((await organizations.getOrganizationList({ query: "gam" })).totalCount, 1);
const joined = await organizations.createOrganizationMembership({ organizationId, userId: ada.id, role: "org:member" });
assert.equal(joined.publicUserData.identifier, "ada@example.com");
const members = await organizations.getOrganizationMembershipList({ organizationId, limit: 500 });
assert.deepEqual(members.data.map((m) => m.role), ["org:member", "org:admin"]);
assert.equal((await clerk.users.getOrganizationMembershipList({ userId: ada.id })).totalCount, 2);
assert.equal((await organizations.updateOrganizationMembership({ organizationId, userId: ada.id, role: "org:admin" })).permissions.length, 9);
await organizations.updateOrganizationMembershipMetadata({ organizationId, userId: ada.id, publicMetadata: { seat: 1 } });
await organizations.updateOrganizationMembership({ organizationId, userId: ada.id, role: "org:member" });
const last = await failure(organizations.deleteOrganizationMembership({ organizationId, userId: admin }));
assert.deepEqual([last.status, last.errors[0].code], [400, "organization_minimum_permissions_needed"]);

// Invitations to an organization: create, list, get, revoke, and resend, which is revoke and create.
const invite = (emailAddress, more) => organizations.createOrganizationInvitation({ organizationId, emailAddress, role: "org:member", ...more });
const first = await invite("grace@example.com", { inviterUserId: admin, publicMetadata: { from: "sdk" }, expiresInDays: 3, redirectUrl: "https://app.example.com/join" });
assert.deepEqual([first.status, first.roleName, first.organizationId], ["pending", "Member", organizationId]);
assert.equal(first.expiresAt - first.createdAt, 3 * 86400000);
assert.ok(first.url.startsWith(apiUrl));
const twice = await failure(invite("Grace@example.com"));
assert.deepEqual([twice.status, twice.errors[0].code], [400, "organization_invitation_not_unique"]);
const unknown = await failure(invite("x@example.com", { role: "org:none" }));
assert.deepEqual([unknown.status, unknown.errors[0].code, unknown.errors[0].meta.paramName], [404, "resource_not_found", "role"]);
assert.equal((await organizations.revokeOrganizationInvitation({ organizationId, invitationId: first.id, requestingUserId: admin })).status, "revoked");
const late = await failure(organizations.revokeOrganizationInvitation({ organizationId, invitationId: first.id, requestingUserId: admin }));
assert.deepEqual([late.status, late.errors[0].code], [404, "organization_invitation_not_pending"]);
const again = await invite("grace@example.com");
assert.notEqual(again.id, first.id);
const bulk = await organizations.createOrganizationInvitationBulk(organizationId, [
  { emailAddress: "b1@example.com", role: "org:member" }, { emailAddress: "b2@example.com", role: "org:admin", notify: false },
]);
assert.deepEqual([bulk.totalCount, bulk.data[1].role], [2, "org:admin"]);
const listed = await organizations.getOrganizationInvitationList({ organizationId, status: ["pending", "revoked"], limit: 3 });
assert.deepEqual([listed.data.length, listed.totalCount], [3, 4]);
assert.equal((await organizations.getOrganizationInvitation({ organizationId, invitationId: again.id })).emailAddress, "grace@example.com");

// Invitations to the application.
const app = await clerk.invitations.createInvitation({ emailAddress: "app@example.com", publicMetadata: { plan: 1 } });
assert.equal((await failure(clerk.invitations.createInvitation({ emailAddress: "app@example.com" }))).errors[0].code, "duplicate_record");
assert.equal((await clerk.invitations.createInvitationBulk([{ emailAddress: "app2@example.com" }]))[0].status, "pending");
assert.equal((await clerk.invitations.getInvitationList()).totalCount, 2);
assert.equal((await clerk.invitations.revokeInvitation(app.id)).revoked, true);

// Roles, permissions and role sets.
const permission = await clerk.organizationPermissions.createOrganizationPermission({ name: "Read teams", key: "org:teams:read", description: "" });
const role = await clerk.organizationRoles.createOrganizationRole({ name: "Guest", key: "org:guest", permissions: [permission.id], includeInInitialRoleSet: true });
assert.equal((await clerk.organizationRoles.getOrganizationRole(role.id)).permissions[0].key, "org:teams:read");
assert.equal((await clerk.organizationRoles.getOrganizationRoleList({ query: "org:" })).totalCount, 3);
const set = await clerk.roleSets.getRoleSet("role_set:default");
assert.deepEqual(set.roles.map((r) => r.key), ["org:admin", "org:member", "org:guest"]);
await organizations.updateOrganizationMembership({ organizationId, userId: ada.id, role: "org:guest" });

// Sessions, and the SDK's own reading of a token.
const session = await clerk.sessions.createSession({ userId: ada.id, activeOrganizationId: organizationId });
const { jwt } = await clerk.sessions.getToken(session.id);
const claims = await verifyToken(jwt, { secretKey, apiUrl });
assert.deepEqual([claims.sub, claims.sid, claims.o.rol, claims.iss], [ada.id, session.id, "guest", apiUrl]);
const publishableKey = "pk_test_" + Buffer.from("clerk.sandbox.accounts.dev$").toString("base64");
const state = await clerk.authenticateRequest(
  new Request("http://localhost/", { headers: { Authorization: `Bearer ${jwt}` } }), { publishableKey },
);
assert.equal(state.isSignedIn, true, state.reason);
const auth = state.toAuth();
assert.deepEqual([auth.userId, auth.orgId, auth.orgRole, auth.orgPermissions], [ada.id, organizationId, "org:guest", ["org:teams:read"]]);
assert.equal((await clerk.sessions.revokeSession(session.id)).status, "revoked");
assert.equal((await clerk.sessions.getSessionList({ userId: ada.id })).totalCount, 1);

// The end, and what is refused at the door.
assert.equal((await organizations.deleteOrganizationMembership({ organizationId, userId: ada.id })).id, joined.id);
assert.equal((await organizations.deleteOrganization(beta.id)).deleted, true);
assert.equal((await clerk.users.deleteUser(ada.id)).deleted, true);
assert.equal((await failure(clerk.users.getUser(ada.id))).status, 404);
const stranger = createClerkClient({ secretKey: "sk_test_wrong", apiUrl, telemetry: { disabled: true } });
const wrong = await failure(stranger.users.getUserList());
assert.deepEqual([wrong.status, wrong.errors[0].code], [401, "clerk_key_invalid"]);

// A quota: 429 with Retry-After, which the SDK hands on.
await fetch(apiUrl + "/_sandbox/quirks", { method: "PATCH", body: JSON.stringify({ rate_limits: true }) });
const quota = await (async () => {
  for (let n = 0; ; n++) {
    const error = await clerk.invitations.createInvitationBulk([{ emailAddress: "none" }]).catch((e) => e);
    if (error.status !== 422) {
      assert.equal(n, 25);
      return error;
    }
  }
})();
assert.deepEqual([quota.status, quota.errors[0].code], [429, "too_many_requests"]);
assert.ok(quota.retryAfter > 3500 && quota.retryAfter <= 3600, String(quota.retryAfter));
console.log("tour done");
