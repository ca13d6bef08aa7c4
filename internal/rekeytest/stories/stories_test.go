package stories

import (
	"fmt"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

type stageKey struct{}

// TestStories runs testdata/*.txtar. Each has a desk with the agents ann and bob,
// the approver carol, the supervisor sue, the auditor otto and the administrator
// root, and may say:
//
//	recorder NAME new [ADDRESS ...]   a recorder is sold to an owner with these addresses and enrolled
//	recorder NAME press               somebody there presses Forgot password; shows the challenge
//	recorder NAME qr FILE             the QR code on its screen, as text
//	recorder NAME set-back            its storage is an older copy: the counter goes back
//	recorder NAME type AGENT          groups 1 and 2 as AGENT read them out, 3 and 4 as the owner has them
//	recorder NAME try CODE            any other code
//	owner NAME hears WORDS            waits for a message of the desk that has them
//	owner NAME half                   groups 3 and 4, from the message
//	owner NAME link GET|POST ACTION   follows the link of the last notice: "", confirm, half or notme
//	agent NAME joins ROLE [BROWSER-OF] a new agent, perhaps at somebody else's browser
//	agent NAME open RECORDER CALLER [DEALER]
//	agent NAME qr N FILE              gives what is in FILE as evidence E1
//	agent NAME code N TARGET RECORDER sends a number to an address, and types what its owner reads out
//	agent NAME guess N CODE           types another number
//	agent NAME phrase N WORDS         types a support phrase
//	agent NAME note N KIND WORDS      evidence by hand, E4 to E6
//	agent NAME approve|deny N
//	agent NAME reveal N RECORDER|CODE the challenge that RECORDER shows, or any other
//	agent NAME race N RECORDER OTHER  both ask for the answer at the same moment
//	agent NAME handover N TO, pause N, resume N, freeze N, thaw N, show N, close N OUTCOME
//	agent NAME owner|stolen|phrases|dealer ...  what the registry holds
//	agent NAME alarms|verify|reconcile
//	thief NAME [same-browser]         takes NAME's cookies to a browser elsewhere and asks who it is
//	clock by DURATION                 time goes by
//	clock jumps DURATION              somebody sets the wall clock
//	mail down|up, log down|up, desk restarts, insider SQL
//	recorded EVENT [RESULT] N         the security log has N such records
//
// What somebody is told goes to stdout, a refusal to stderr; ! wants a refusal.
func TestStories(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			s, err := newStage(env)
			env.Values[stageKey{}] = s
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"recorder": told((*stage).recorder),
			"owner":    told((*stage).owner),
			"agent":    told((*stage).agent),
			"thief":    told((*stage).thief),
			"clock":    told((*stage).clockwork),
			"mail":     told((*stage).mailing),
			"log":      told((*stage).logging),
			"desk":     told((*stage).restarting),
			"insider":  told((*stage).insider),
			"recorded": told((*stage).recorded),
		},
		RequireExplicitExec: true,
	})
}

// told makes a command of a script from what happens on the stage.
func told(do func(*stage, *testscript.TestScript, []string) (string, error)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		out, err := do(ts.Value(stageKey{}).(*stage), ts, args) //nolint:forcetypeassert // Setup put it there
		fmt.Fprintln(ts.Stdout(), out)
		if err != nil {
			fmt.Fprintln(ts.Stderr(), err)
		}
		switch {
		case err != nil && !neg:
			ts.Fatalf("%v", err)
		case err == nil && neg:
			ts.Fatalf("it was not refused: %s", out)
		}
	}
}
