// Package stories tells what people try at the support desk, as scripts: each
// file in testdata is one attacker, or one bad day, with a real desk that is
// served on loopback, its agents with their passkeys, its mail server, and
// recorders whose guards check what comes out. There is nothing here but tests.
package stories
