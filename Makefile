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
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## serve: call page, lobby with a test card, homeserver, status (ARGS="--data ./data" adds flags)
	@echo "building meshfocus; the first time takes up to a minute"
	@CGO_ENABLED=0 go build -o bin/meshfocus ./cmd/meshfocus
	@exec ./bin/meshfocus serve $(ARGS)

.PHONY: build
build: ## build bin/meshfocus, static, without cgo
	CGO_ENABLED=0 go build -o bin/meshfocus ./cmd/meshfocus

# AGAIN=FILE, as in .ci/run: a test that fails beside all the others is tried once
# more by itself, and FILE tells of it (docs/decisions/0017-a-second-chance.md).
# Without it nothing has a second chance.
.PHONY: test
test: ## all tests with the race detector
	@internal/scripts/need gcc:gcc ffmpeg:ffmpeg ffprobe:ffmpeg turnserver:coturn chromium:chromium node:nodejs npm:npm
	@internal/scripts/npm
	CGO_ENABLED=1 $(if $(AGAIN),go run ./internal/again $(AGAIN),go test) -race -timeout 20m $(if $(AGAIN),--) ./...
	@# what the race detector would spoil: what a lane allocates and holds
	CGO_ENABLED=0 go test -run 'AllocatesNothing|IsSmall' -count 1 ./focus/lane

.PHONY: portable
portable: ## the suites of media on the sockets that other systems have, and builds for these
	go test -tags=goolm,portable -count 1 ./focus/udp ./focus/lane ./focus/transport/... ./focus ./mesh/forward
	GOOS=darwin GOARCH=arm64 go build ./...
	GOOS=windows GOARCH=amd64 go build ./...

.PHONY: reliability
reliability: ## what others see of a device when something goes wrong (docs/reliability.md)
	go test ./signalling/matrix -run Reliability -count 1 -v | grep -v -e '^=== ' -e '--- PASS'

.PHONY: lint
lint: ## formatting, vet, staticcheck, tidy go.mod, builds without cgo
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "not formatted (run gofmt -w): $$unformatted"; exit 1; }
	CGO_ENABLED=0 go build ./...
	CGO_ENABLED=0 go vet -tags=goolm,interop ./...
	CGO_ENABLED=0 go run $(STATICCHECK) ./...
	@# -e: tests of dependencies' dependencies are not all to be had
	go mod tidy -e -diff 2>/dev/null
	go mod verify

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (default 10000x inputs, or a time such as 1m) each
	@internal/scripts/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## forwarding beside LiveKit, Janus and Pion, meshes, calls, homeservers: a report with pictures in a quarter of an hour (needs root)
	@internal/scripts/bench

.PHONY: benchmarks
benchmarks: ## the benchmarks of single parts, with the machine named
	@internal/scripts/machine
	CGO_ENABLED=0 go test -run '^$$' -bench . -benchmem ./...

.PHONY: gate
gate: ## whether forwarding a packet costs more than was accepted last, and estimates more than their goal
	@internal/scripts/gate

.PHONY: bench-forward
bench-forward: ## ours against LiveKit, Janus and plain Pion, core against core (needs root; ROUNDS=… CASES=… RIVALS=… measure a part)
	@internal/scripts/bench-forward

.PHONY: bwe
bwe: ## ours, NADA and Pion's gcc on simulated paths, held against the goals (HTML=file with curves, JSON=file with the runs, ARGS="-case 5.1,S1")
	@CGO_ENABLED=0 go build -o bin/meshbench ./cmd/meshbench
	@exec ./bin/meshbench bwe $(if $(HTML),-html $(HTML)) $(if $(JSON),-json $(JSON)) $(ARGS)

.PHONY: bwe-lost
bwe-lost: ## docs/bwe: a picture of the worst run behind each bar that ours has lost
	@CGO_ENABLED=0 go build -o bin/meshbench ./cmd/meshbench
	@rm -f docs/bwe/*.svg
	@exec ./bin/meshbench bwe -with ours -known -lost docs/bwe

.PHONY: bwe-real
bwe-real: ## 5.1 and S1 in real time with Chromium, held against the simulation; eleven minutes on a quiet machine (HTML=…, ARGS="-case S1-to")
	@internal/scripts/need chromium:chromium
	@CGO_ENABLED=0 go build -o bin/meshbench ./cmd/meshbench
	@exec ./bin/meshbench bwe real $(if $(HTML),-html $(HTML)) $(ARGS)

SOAK ?= 30m
.PHONY: soak
soak: ## parties come, go, choose and lose packets at a focus for SOAK (30m), with the race detector: a line a minute, and whether anything is left of them
	CGO_ENABLED=1 SOAK=$(SOAK) go test -race ./focus -run '^TestSoak$$' -count 1 -v -timeout 0

.PHONY: interop
interop: ## foreign clients, Firefox and Synapse against our parties, as a grid (needs root; PEERS=… SITUATIONS=… HOMESERVERS=… try a part)
	@internal/scripts/need gcc:gcc ffmpeg:ffmpeg ffprobe:ffmpeg curl:curl debootstrap:debootstrap turnserver:coturn chromium:chromium firefox-esr:firefox-esr ip:iproute2 nft:nftables nginx:nginx caddy:caddy node:nodejs npm:npm
	@internal/scripts/npm
	@internal/scripts/interop
