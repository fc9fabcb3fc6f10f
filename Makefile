# usher: what a person types. `make` alone lists it.

GO          ?= go
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
ARGS        ?=
SEED        ?= $(shell date +%s)

export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help demo build test race check docs bench microbench crash soak docker clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: build ## everything on loopback: simulated vendors, issuer, mail catcher and the gateway
	@exec ./bin/usher demo --env-file usher.env $(ARGS)

build: ## the static binary, in bin/usher
	@$(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/usher ./cmd/usher

test: ## all tests, without cgo and without a network
	$(GO) test ./...

race: ## all tests but the volume suites, under the race detector (needs gcc)
	CGO_ENABLED=1 $(GO) test -race -short ./...

check: ## formatting, vet, staticcheck, and all tests
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not gofmt-clean:"; echo "$$unformatted"; exit 1; fi
	$(GO) mod verify
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(MAKE) test

docs: ## generate the parts of docs/ that come from the code
	USHER_WRITE_DOCS=1 $(GO) test ./config -run TestDocs -count=1

bench: ## what usher costs beside the same work done bare, against the goals (ARGS=-quick: a short run)
	@$(GO) run ./internal/bench $(ARGS)

microbench: ## what single parts cost
	$(GO) test -run '^$$' -bench . -benchmem ./...

crash: ## 2,000 rows in batches and 20 kills, on SQLite and, with USHER_TEST_POSTGRES_URL, on Postgres (SEED=1: that run again)
	USHER_CRASH_ROWS=2000 USHER_CRASH_KILLS=20 USHER_CRASH_SEED=$(SEED) $(GO) test ./internal/crashtest -count=1 -timeout 20m -v

soak: ## 10,000 rows in batches and 200 kills, on SQLite and, with USHER_TEST_POSTGRES_URL, on Postgres (SEED=1: that run again)
	USHER_CRASH_ROWS=10000 USHER_CRASH_KILLS=200 USHER_CRASH_SEED=$(SEED) $(GO) test ./internal/crashtest -count=1 -timeout 4h -v

docker: ## the container image usher:$(VERSION)
	docker build --build-arg VERSION=$(VERSION) -t usher:$(VERSION) .

clean: ## remove what was built
	rm -rf bin usher.env
