# What the project does to itself. The first two are in the README.

GO ?= go
GOLANGCI_LINT_VERSION = v2.15.0

.PHONY: demo test needs lint bench fuzz generate build

## demo: the main job, from a lost password to a proved new one
demo:
	$(GO) run ./cmd/rekey demo

## test: install what the tests need where it is missing, and run every test
test: needs
	$(GO) test -race -timeout 30m ./...

# The tests drive a real browser, look at real video and build networks of their own:
# Debian's chromium, ffmpeg and iproute2.
needs:
	@missing=""; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	command -v ip >/dev/null || missing="$$missing iproute2"; \
	command -v ffprobe >/dev/null || missing="$$missing ffmpeg"; \
	command -v gcc >/dev/null || missing="$$missing gcc libc6-dev"; \
	if [ -n "$$missing" ]; then \
		echo "installing Debian packages:$$missing"; \
		sudo=""; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get update -qq && $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

## lint: formatting, vet, the linters of .golangci.yml, tidy go.mod, generated code up to date
lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt"; exit 1; }
	$(GO) vet ./...
	GOOS=darwin CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/rekey
	GOOS=windows CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/rekey
	$(GO) mod tidy -diff
	$(GO) mod verify
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION) run
	$(MAKE) generate
	git diff --exit-code -- '*_templ.go'

## generate: the pages' Go code from their templates
generate:
	$(GO) tool templ generate -log-level error

## bench: every benchmark, each as a ratio to something measured in the same run
bench:
	@command -v curl >/dev/null || { echo "exporting footage is measured against curl: apt-get install curl"; exit 1; }
	$(GO) test -run '^$$' -bench . -benchtime 2s ./...

## fuzz: every fuzz target for a short time
fuzz:
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime 10s $$pkg || exit 1; \
		done; \
	done

## build: one static program
build:
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/rekey ./cmd/rekey
