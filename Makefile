# nsboot: every task of the project. `make` alone lists them.

GO          ?= go
PREFIX      ?= /usr/local
DESTDIR     ?=
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Static and not PIE: together they halve the start-up of a program that lives about a millisecond.
BUILDFLAGS  := -trimpath -buildmode=exe -ldflags "-s -w -X main.version=$(VERSION)"

# The programs that the tests and tools build are the same kind of binary.
export CGO_ENABLED := 0

.DEFAULT_GOAL := help
.PHONY: help build test demo golden lint e2e parity validate bench check install clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: ## build ./bin/nsboot, a static binary
	$(GO) build $(BUILDFLAGS) -o bin/nsboot ./cmd/nsboot

test: ## run the tests; needs Go and nothing else, root or not
	$(GO) test ./...

demo: build ## write a small bundle, show its plan, boot it
	@sh tests/demo.sh ./bin/nsboot

golden: ## rewrite the golden plans from the code; read the diff before committing it
	$(GO) test ./nsmount -run Golden -update

lint: ## gofmt, go vet, staticcheck and the directions of imports
	@bad=$$(gofmt -l .); test -z "$$bad" || { echo "gofmt -w would change:"; echo "$$bad"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) run ./tests/lint

e2e: demo ## the demo, then the end-to-end tests alone
	$(GO) test ./tests/...

parity: build ## compare nsboot with the recorded and the installed runtimes
	cd tests/parity && NSBOOT_BIN=$(CURDIR)/bin/nsboot $(GO) test -count=1 -live

validate: build ## have nsboot judged by the OCI's runtime-tools (root)
	NSBOOT_BIN=$(CURDIR)/bin/nsboot $(GO) run ./tests/validate

bench: build ## time booting busybox next to bwrap, crun, runc and a C floor (root)
	$(GO) run ./tests/bench

check: lint test e2e parity validate ## all that CI runs

install: build ## install to PREFIX (/usr/local), below DESTDIR if that is set
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 0755 bin/nsboot $(DESTDIR)$(PREFIX)/bin/nsboot

clean: ## remove what was built
	rm -rf bin
