// Package rekey is the vocabulary of the whole program: recorders and what is
// known of them, accounts, secrets, the ways back in, plans and their steps,
// outcomes, events, and the small interfaces that a driver implements.
//
// It imports the standard library only; everything else imports it. The main
// job that these words describe is in internal/job, the program in cmd/rekey.
package rekey
