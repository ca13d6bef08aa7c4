package web

import (
	"fmt"
	"net/http"

	"rekey"
)

// ParseForm reads the form of a POST. It has answered with what is wrong with it
// when it returns false.
func ParseForm(w http.ResponseWriter, r *http.Request) bool {
	if err := r.ParseForm(); err != nil {
		Fail(w, r, fmt.Errorf("%w: read the form: %w", rekey.ErrInput, err))
		return false
	}
	return true
}

// FormSecret is a password or code of a form that ParseForm has read.
func FormSecret(r *http.Request, field string) rekey.Secret {
	return rekey.NewSecret(r.PostForm.Get(field))
}
