package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// apiVersion is the version of the API. It changes with what a program must know.
const apiVersion = "1.0.0"

// config is the frame of the document.
func (s *server) config() huma.Config {
	strict := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: decodeStrictly}
	c := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{Title: "rekey support desk", Version: apiVersion, Description: description,
				License: &huma.License{Name: "see LICENSE"}},
			Servers: []*huma.Server{{URL: Path}},
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: securitySchemes(),
				Responses:       map[string]*huma.Response{},
			},
			Tags: []*huma.Tag{
				{Name: tagSession, Description: "Who somebody is: log-in by passkey, sessions, step-ups."},
				{Name: tagAgents, Description: "The desk's people."},
				{Name: tagPrograms, Description: "API keys and webhooks."},
				{Name: tagRecorders, Description: "The registry of recorders, their owners, and vetted dealers."},
				{Name: tagCases, Description: "The call: case, evidence, approval, challenge, answer."},
				{Name: tagFigures, Description: "What a supervisor and an auditor look at."},
			},
		},
		Formats:       map[string]huma.Format{"application/json": strict, "json": strict}, // "json" = whatever ends in +json
		DefaultFormat: "application/json",
		Transformers:  []huma.Transformer{s.ourProblem},
	}
	for _, status := range problemStatuses() {
		c.Components.Responses[responseName(status)] = problemResponse(status, c.Components.Schemas)
	}
	return c
}

// The tags.
const (
	tagSession   = "session"
	tagAgents    = "agents"
	tagPrograms  = "programs"
	tagRecorders = "recorders"
	tagCases     = "cases"
	tagFigures   = "figures"
)

const description = `What a maker's or dealer's technical support works with when an owner has no password left.

Every operation is one act of the desk: x-rekey-act names it, with the roles and the scopes of API keys that may do it. It is authorised and recorded in the security log before it acts, and so are refusals.

Where x-rekey-act says step_up, a fresh proof of presence by passkey is needed: POST /step-up with the act, the case and the object, then the answer of navigator.credentials.get() in the field step_up of the request. A program has no passkey: what its key's scopes allow, it does without.

POST bodies are one JSON object with Content-Type: application/json; unknown fields are refused. With an Idempotency-Key a POST acts once: for 24 hours the same key with the same body is answered as it was the first time. Answers that are told once (links, keys, secrets, half an answer) are not kept; a repeat of those is refused with 409.

Refusals are application/problem+json (RFC 9457) with a stable word in code.`

func securitySchemes() map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{
		"session": {Type: "apiKey", In: "cookie", Name: "rekey-desk",
			Description: "An agent's session, from POST /login: 15 minutes idle and 12 hours at most, bound to one browser and its network. Over TLS the name of the cookie begins with __Host-."},
		"key": {Type: "http", Scheme: "bearer", Description: "A program's API key, from POST /keys. What it may do is in its scopes."},
	}
}

// problemStatuses are all statuses that a refusal can have.
func problemStatuses() []int {
	return []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict,
		http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusInsufficientStorage}
}

func responseName(status int) string {
	return strings.ReplaceAll(http.StatusText(status), " ", "")
}

// meanings say what a status is about, where the phrase of HTTP says too little.
func meaning(status int) string {
	words := map[int]string{
		http.StatusBadRequest:          "What was sent is malformed or impossible. Nothing was changed.",
		http.StatusUnauthorized:        "There is no session, or it is over; or the API key counts no more.",
		http.StatusForbidden:           "The role or scope may not do this, or the step-up is missing.",
		http.StatusNotFound:            "There is no such thing.",
		http.StatusConflict:            "It is in another state by now; or a request with this Idempotency-Key is under way, or was answered with something that is told once.",
		http.StatusUnprocessableEntity: "A proof did not hold; or this Idempotency-Key came with another body before.",
		http.StatusTooManyRequests:     "Too many requests, or a limit of the desk is reached. Retry-After says how long to wait, where that is known.",
		http.StatusBadGateway:          "A message could not be handed over. Nothing is shown.",
		http.StatusInsufficientStorage: "The security log or the database cannot be written. Nothing is done without a record of it.",
	}
	if w := words[status]; w != "" {
		return w
	}
	return http.StatusText(status)
}

func problemResponse(status int, schemas huma.Registry) *huma.Response {
	r := &huma.Response{Description: meaning(status), Content: map[string]*huma.MediaType{
		"application/problem+json": {Schema: problemSchema(schemas), Example: exampleProblem(status)},
	}}
	if status == http.StatusTooManyRequests {
		r.Headers = map[string]*huma.Param{"Retry-After": {Description: "seconds", Schema: &huma.Schema{Type: huma.TypeInteger}}}
	}
	return r
}

func idempotencyKey() *huma.Param {
	least, most := 1, mostKey
	return &huma.Param{Name: "Idempotency-Key", In: "header",
		Description: "A name for this request that no other has, such as a UUID. The request acts once for 24 hours, however often it is sent with this key.",
		Schema:      &huma.Schema{Type: huma.TypeString, MinLength: &least, MaxLength: &most, Examples: []any{strconv.Quote("8e03978e-40d5-43dd-bc93-6894a57f9324")}}}
}
