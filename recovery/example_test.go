package recovery_test

import (
	"fmt"
	"time"

	"rekey/recovery"
)

// The whole way of a temporary password: the recorder shows a challenge, the
// desk reads it and makes the answer, the recorder checks it and gives a grant.
func Example() {
	kDev := make([]byte, recovery.KeySize) // drawn at random in the factory, known to recorder and desk
	keys, err := recovery.NewKeys(kDev)
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := recovery.ParseDeviceID("v7kx 4ybm op97") // as people type it
	if err != nil {
		fmt.Println(err)
		return
	}
	guard, err := recovery.NewGuard(recovery.GuardConfig{
		DeviceID: id, Keys: keys,
		Store: &memStore{},                                   // a real one writes to stable storage
		Clock: func() time.Duration { return 5 * time.Hour }, // CLOCK_BOOTTIME
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	shown, err := guard.NewChallenge("admin", recovery.PurposePassword)
	if err != nil {
		fmt.Println(err)
		return
	}

	heard, err := recovery.ParseChallenge(shown.String()) // at the desk, over the telephone
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := keys.Answer(id, "admin", heard)
	if err != nil {
		fmt.Println(err)
		return
	}

	grant, err := guard.Answer(answer.Reveal())
	fmt.Println(id, answer, grant, err)
	fmt.Println(guard.Redeem(grant, "admin", recovery.PurposePassword))
	fmt.Println(guard.Redeem(grant, "admin", recovery.PurposePassword))
	// Output:
	// V7KX-4YBM-0P97 <secret> grant to set a new password for account "admin" <nil>
	// <nil>
	// no grant for this account and purpose: get a new code from the desk
}
