// Package recovery is rrc/v1, the temporary password that gets an owner back
// into one recorder: the locked recorder shows a challenge, the support desk
// works out the answer, the recorder checks it without a network or a clock.
// It fits one recorder, one account and one purpose, works once, and lives for
// ten minutes.
//
// A firmware maker needs [NewKeys], [NewGuard] and [Form.GroupStates]; a desk
// needs [ParseQR], [ParseChallenge], [Keys.Answer] and, for recorders that hold
// no secret, [DeskAnswer]. Nothing here opens a file, a socket or a clock: the
// recorder hands the [Guard] its [Store] and its boot-time clock.
//
// The MAC core is RFC 6287 (OCRA); suite 2 is RFC 9180 (HPKE), export only.
package recovery
