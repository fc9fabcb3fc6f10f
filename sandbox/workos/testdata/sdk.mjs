// The vendor's own SDK, as npm serves it, against the simulator.
import assert from 'node:assert/strict';
import { createPublicKey, verify, X509Certificate } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { WorkOS } from '@workos-inc/node';

const { API_HOST, API_PORT, API_KEY, CLIENT_ID, ORGANIZATION_ID, BOSS_ID } = process.env;
const open = (key) => new WorkOS(key, { apiHostname: API_HOST, port: Number(API_PORT), https: false, clientId: CLIENT_ID, timeout: 5000 });
const workos = open(API_KEY);
const um = workos.userManagement;
const base = `http://${API_HOST}:${API_PORT}`;

/** refused runs a call that must fail and returns the SDK's error. */
async function refused(call) {
  let error;
  try { await call(); } catch (e) { error = e; }
  assert.ok(error, 'the call was not refused');
  return error;
}

async function invitations() {
  const sent = await um.sendInvitation({ email: 'sdk@person.example', organizationId: ORGANIZATION_ID, roleSlug: 'admin', expiresInDays: 3, inviterUserId: BOSS_ID });
  assert.equal(sent.object, 'invitation');
  assert.equal(sent.state, 'pending');
  assert.equal(sent.email, 'sdk@person.example');
  assert.equal(sent.organizationId, ORGANIZATION_ID);
  assert.equal(sent.inviterUserId, BOSS_ID);
  assert.equal(Date.parse(sent.expiresAt) - Date.parse(sent.createdAt), 3 * 24 * 3600 * 1000);
  assert.ok(sent.acceptInvitationUrl.endsWith(sent.token));
  assert.deepEqual(await um.getInvitation(sent.id), sent);
  assert.deepEqual(await um.findInvitationByToken(sent.token), sent);

  const listed = await um.listInvitations({ organizationId: ORGANIZATION_ID, email: 'sdk@person.example' });
  assert.deepEqual(listed.data.map((i) => i.id), [sent.id]);
  assert.equal(listed.listMetadata.after, null);

  const twice = await refused(() => um.sendInvitation({ email: 'SDK@person.example', organizationId: ORGANIZATION_ID }));
  assert.equal(twice.name, 'GenericServerException');
  assert.equal(twice.status, 400);
  assert.equal(twice.rawData.code, 'email_already_invited_to_organization');

  const unknown = await refused(() => um.sendInvitation({ email: 'x@person.example', organizationId: 'org_unknown' }));
  assert.equal(unknown.name, 'NotFoundException');
  assert.equal(unknown.code, 'entity_not_found');
  const invalid = await refused(() => um.sendInvitation({ email: 'nobody', organizationId: ORGANIZATION_ID }));
  assert.equal(invalid.name, 'UnprocessableEntityException');
  assert.equal(invalid.code, 'invalid_request_parameters');

  const resent = await um.resendInvitation(sent.id);
  assert.equal(resent.state, 'pending');
  const accepted = await um.acceptInvitation(sent.id);
  assert.equal(accepted.state, 'accepted');
  assert.ok(accepted.acceptedUserId.startsWith('user_'));
  const late = await refused(() => um.revokeInvitation(sent.id));
  assert.equal(late.rawData.code, 'invite_not_pending');

  const other = await um.sendInvitation({ email: 'other@person.example', organizationId: ORGANIZATION_ID });
  assert.equal((await um.revokeInvitation(other.id)).state, 'revoked');

  for (let n = 0; n < 12; n++) await um.sendInvitation({ email: `many${n}@person.example`, organizationId: ORGANIZATION_ID });
  const first = await um.listInvitations({ organizationId: ORGANIZATION_ID });
  assert.equal(first.data.length, 10);
  assert.equal((await first.autoPagination()).length, 14);
  return accepted.acceptedUserId;
}

async function memberships(userId) {
  const { data } = await um.listOrganizationMemberships({ organizationId: ORGANIZATION_ID, userId });
  assert.equal(data.length, 1);
  assert.equal(data[0].status, 'active');
  assert.equal(data[0].role.slug, 'admin');
  const id = data[0].id;
  assert.equal((await um.updateOrganizationMembership(id, { roleSlug: 'member' })).role.slug, 'member');
  assert.equal((await um.deactivateOrganizationMembership(id)).status, 'inactive');
  assert.deepEqual((await um.listOrganizationMemberships({ userId })).data, []);
  assert.equal((await um.listOrganizationMemberships({ userId, statuses: ['inactive', 'pending'] })).data.length, 1);
  assert.equal((await um.reactivateOrganizationMembership(id)).status, 'active');
  assert.equal((await um.getOrganizationMembership(id)).organizationId, ORGANIZATION_ID);
  const wrong = await refused(() => um.updateOrganizationMembership(id, { roleSlug: 'owner' }));
  assert.equal(wrong.status, 422);
  assert.equal(wrong.code, 'invalid_role');
  await um.deleteOrganizationMembership(id);
  assert.equal((await refused(() => um.getOrganizationMembership(id))).status, 404);
  const again = await um.createOrganizationMembership({ organizationId: ORGANIZATION_ID, userId, roleSlug: 'admin' });
  assert.equal(again.status, 'active');
}

async function users() {
  const made = await um.createUser({ email: 'made@person.example', firstName: 'Made', lastName: 'User', password: 'long enough!', emailVerified: true, externalId: 'crm-1', metadata: { team: 'red' } });
  assert.equal(made.firstName, 'Made');
  assert.equal(made.externalId, 'crm-1');
  assert.deepEqual(made.metadata, { team: 'red' });
  assert.equal((await um.getUser(made.id)).email, 'made@person.example');
  assert.equal((await um.getUserByExternalId('crm-1')).id, made.id);
  assert.deepEqual((await um.listUsers({ email: 'made@person.example' })).data.map((u) => u.id), [made.id]);
  assert.equal((await um.updateUser({ userId: made.id, lastName: 'Changed' })).lastName, 'Changed');
  const taken = await refused(() => um.createUser({ email: 'made@person.example' }));
  assert.equal(taken.name, 'BadRequestException');
  assert.equal(taken.code, 'user_creation_error');
  assert.equal(taken.errors[0].code, 'email_not_available');
  await login(made);
  await um.deleteUser(made.id);
  assert.equal((await refused(() => um.getUser(made.id))).name, 'NotFoundException');
}

async function login(user) {
  await um.createOrganizationMembership({ organizationId: ORGANIZATION_ID, userId: user.id, roleSlug: 'member' });
  const session = await um.authenticateWithPassword({ clientId: CLIENT_ID, email: user.email, password: 'long enough!' });
  assert.equal(session.organizationId, ORGANIZATION_ID);
  const claims = await check(session.accessToken);
  assert.equal(claims.sub, user.id);
  assert.equal(claims.org_id, ORGANIZATION_ID);
  assert.equal(claims.role, 'member');
  assert.equal(claims.iss, `${base}/user_management/${CLIENT_ID}`);
  assert.ok(!('aud' in claims));
  const next = await um.authenticateWithRefreshToken({ clientId: CLIENT_ID, refreshToken: session.refreshToken });
  assert.notEqual(next.refreshToken, session.refreshToken);
  const stale = await refused(() => um.authenticateWithRefreshToken({ clientId: CLIENT_ID, refreshToken: session.refreshToken }));
  assert.equal(stale.name, 'OauthException');
  assert.equal(stale.error, 'invalid_grant');
  assert.equal((await um.listSessions(user.id)).data.length, 1);
  await um.revokeSession({ sessionId: claims.sid });
  assert.equal((await um.listSessions(user.id)).data.length, 0);
}

/** check verifies a token with the keys at the address that the SDK names. */
async function check(token) {
  const { keys } = await (await fetch(um.getJwksUrl(CLIENT_ID))).json();
  const [header, payload, signature] = token.split('.');
  const key = keys.find((k) => k.kid === JSON.parse(Buffer.from(header, 'base64url')).kid);
  const signed = Buffer.from(`${header}.${payload}`);
  assert.ok(verify('sha256', signed, createPublicKey({ key, format: 'jwk' }), Buffer.from(signature, 'base64url')));
  const certificate = new X509Certificate(Buffer.from(key.x5c[0], 'base64'));
  assert.ok(verify('sha256', signed, certificate.publicKey, Buffer.from(signature, 'base64url')));
  return JSON.parse(Buffer.from(payload, 'base64url'));
}

async function organizationsAndRoles() {
  const org = await workos.organizations.createOrganization({ name: 'Made', externalId: 'tenant-1', domainData: [{ domain: 'made.example', state: 'verified' }] });
  assert.equal(org.domains[0].domain, 'made.example');
  assert.equal((await workos.organizations.getOrganizationByExternalId('tenant-1')).id, org.id);
  assert.equal((await workos.organizations.updateOrganization({ organization: org.id, name: 'Made 2' })).name, 'Made 2');
  assert.deepEqual((await workos.organizations.listOrganizations({ domains: ['made.example'] })).data.map((o) => o.id), [org.id]);
  assert.equal((await refused(() => workos.organizations.createOrganization({ name: 'X', domainData: [{ domain: 'made.example', state: 'pending' }] }))).name, 'ConflictException');

  const auth = workos.authorization;
  await auth.createPermission({ slug: 'posts:read', name: 'Read posts' });
  const role = await auth.createOrganizationRole(org.id, { slug: 'org-auditor', name: 'Auditor' });
  assert.equal(role.type, 'OrganizationRole');
  assert.deepEqual((await auth.setOrganizationRolePermissions(org.id, 'org-auditor', { permissions: ['posts:read'] })).permissions, ['posts:read']);
  assert.deepEqual((await auth.listOrganizationRoles(org.id)).data.map((r) => r.slug), ['admin', 'member', 'org-auditor']);
  assert.deepEqual((await workos.organizations.listOrganizationRoles({ organizationId: org.id })).data.map((r) => r.slug), ['admin', 'member', 'org-auditor']);
  assert.deepEqual((await auth.listEnvironmentRoles()).data.map((r) => r.slug), ['admin', 'member']);
  await auth.removeOrganizationRolePermission(org.id, 'org-auditor', { permissionSlug: 'posts:read' });
  await auth.deleteOrganizationRole(org.id, 'org-auditor');
  await workos.organizations.deleteOrganization(org.id);
  assert.equal((await refused(() => workos.organizations.getOrganization(org.id))).status, 404);
}

async function eventsAndWebhooks() {
  const { data } = await workos.events.listEvents({ events: ['invitation.accepted', 'invitation.revoked'], limit: 100, order: 'asc' });
  assert.deepEqual(data.map((e) => e.event), ['invitation.accepted', 'invitation.revoked']);
  assert.equal(data[0].data.state, 'accepted');
  assert.ok(!data[0].data.token);

  const got = [];
  const server = createServer(async (req, res) => {
    let body = '';
    for await (const part of req) body += part;
    got.push({ body, sigHeader: req.headers['workos-signature'] });
    res.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const headers = { Authorization: `Bearer ${API_KEY}`, 'Content-Type': 'application/json' };
  const made = await fetch(`${base}/webhook_endpoints`, { method: 'POST', headers,
    body: JSON.stringify({ endpoint_url: `http://127.0.0.1:${server.address().port}/`, events: ['invitation.created'] }) });
  const { secret } = await made.json();
  const sent = await um.sendInvitation({ email: 'hook@person.example', organizationId: ORGANIZATION_ID });
  await fetch(`${base}/_sandbox/webhooks/deliver`, { method: 'POST' });
  server.close();
  assert.equal(got.length, 1);
  const event = await workos.webhooks.constructEvent({ payload: JSON.parse(got[0].body), sigHeader: got[0].sigHeader, secret });
  assert.equal(event.event, 'invitation.created');
  assert.equal(event.data.id, sent.id);
  const forged = await refused(() => workos.webhooks.constructEvent({ payload: JSON.parse(got[0].body), sigHeader: got[0].sigHeader, secret: 'other' }));
  assert.equal(forged.name, 'SignatureVerificationException');
}

async function refusals() {
  const stranger = await refused(() => open('sk_test_wrong').userManagement.listUsers());
  assert.equal(stranger.name, 'UnauthorizedException');
  await fetch(`${base}/_sandbox/quirks`, { method: 'PATCH', body: JSON.stringify({ daily_mail_quota: 1 }) });
  const limited = await refused(() => um.sendInvitation({ email: 'quota@person.example', organizationId: ORGANIZATION_ID }));
  assert.equal(limited.name, 'RateLimitExceededException');
}

const invitee = await invitations();
await memberships(invitee);
await users();
await organizationsAndRoles();
await eventsAndWebhooks();
await refusals();
console.log('the SDK is content');
