# What one does with meshfocus. `make help` lists it.
# goolm is the pure-Go Olm; without the tag mautrix links a C library.
export GOFLAGS += -tags=goolm
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.1
# Inputs, not seconds: go test reports a fuzz run whose time ends at the wrong
# moment as failed ("context deadline exceeded").
FUZZTIME ?= 10000x

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## serve: homeserver, a running call in the lobby, status page (ARGS="--data ./data" adds flags)
	@echo "building meshfocus; the first time takes up to a minute"
	@CGO_ENABLED=0 go build -o bin/meshfocus ./cmd/meshfocus
	@exec ./bin/meshfocus serve $(ARGS)

.PHONY: build
build: ## build bin/meshfocus, static, without cgo
	CGO_ENABLED=0 go build -o bin/meshfocus ./cmd/meshfocus

.PHONY: test
test: ## all tests with the race detector
	@internal/scripts/need gcc:gcc ffmpeg:ffmpeg ffprobe:ffmpeg turnserver:coturn
	CGO_ENABLED=1 go test -race -timeout 10m ./...

.PHONY: lint
lint: ## formatting, vet, staticcheck, tidy go.mod, builds without cgo
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not formatted (run gofmt -w): $$unformatted"; exit 1; }
	CGO_ENABLED=0 go build ./...
	go vet -tags=goolm,interop ./...
	go run $(STATICCHECK) ./...
	@# -e: tests of dependencies' dependencies are not all to be had
	go mod tidy -e -diff 2>/dev/null
	go mod verify

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (default 10000x inputs, or a time such as 1m) each
	@internal/scripts/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## the benchmarks, with the machine named
	@internal/scripts/machine
	CGO_ENABLED=0 go test -run '^$$' -bench . -benchmem ./...

.PHONY: interop
interop: ## headless parties on a real homeserver: Synapse in a chroot (needs root)
	@internal/scripts/need gcc:gcc ffmpeg:ffmpeg ffprobe:ffmpeg curl:curl debootstrap:debootstrap
	@internal/scripts/interop
