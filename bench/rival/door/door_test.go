package door

import (
	"context"
	"errors"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// echo answers with what it was asked.
type echo struct{}

func (echo) Publish(_ context.Context, room, party, offer string) (string, error) {
	if party == "" {
		return "", errors.New("who are you?")
	}
	return "published " + room + " " + party + " " + offer, nil
}

func (echo) Subscribe(_ context.Context, room, party string, from []string, layer int, offer string) (string, error) {
	return "subscribed " + room + " " + party + " " + strings.Join(from, "+") + " " + strconv.Itoa(layer) + " " + offer, nil
}

func TestClient_GoesThroughTheDoor(t *testing.T) {
	server := httptest.NewServer(Handler(echo{}))
	defer server.Close()
	client, ctx := Client{URL: server.URL}, t.Context()
	if got, err := client.Publish(ctx, "a room", "ann&ben", "v=0\r\n"); err != nil || got != "published a room ann&ben v=0\r\n" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := client.Subscribe(ctx, "r", "cleo", []string{"ann", "ben"}, 2, "v=0"); err != nil || got != "subscribed r cleo ann+ben 2 v=0" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := client.Publish(ctx, "r", "", "v=0"); err == nil || !strings.Contains(err.Error(), "who are you?") {
		t.Errorf("a refusal says %v", err)
	}
	if usage, err := client.Usage(ctx); err != nil || usage.Allocations == 0 || usage.Heap == 0 || usage.Goroutines == 0 {
		t.Errorf("%+v, %v", usage, err)
	}
	if _, err := (Client{URL: "http://127.0.0.1:1"}).Usage(ctx); err == nil {
		t.Error("nobody answered")
	}
}
