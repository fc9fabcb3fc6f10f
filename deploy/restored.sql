-- For a ledger that was restored from a backup, before usher starts on it: it
-- does not know what was sent since. So nothing is sent that it holds for unsent:
-- open batches end, and what was under way is asked about and not gone on with.
UPDATE batches SET state = 'cancelling' WHERE state = 'running';
UPDATE invites SET state = 'uncertain', state_reason = 'provider_timeout'
    WHERE state = 'sending' OR (state = 'uncertain' AND state_reason = 'interrupted');
