package say

import "rekey"

// BadForm is a form that was filled in wrongly, in the words of the screen. The
// box was not asked. It is rekey.ErrInput.
type BadForm struct{ Text string }

func (e *BadForm) Error() string { return e.Text }

// Unwrap returns rekey.ErrInput.
func (e *BadForm) Unwrap() error { return rekey.ErrInput }
