package main

import (
	"testing"
	"time"
)

func TestAQuantileIsWithinA64thAboveWhatWasNoted(t *testing.T) {
	for _, us := range []int64{0, 1, 63, 64, 127, 128, 1_000, 123_456, 9_999_999} {
		var h histogram
		h.note(time.Duration(us) * time.Microsecond)
		got := h.quantiles().P50 * 1_000
		if got < float64(us) || got > float64(us)*65/64+1 {
			t.Errorf("%d us were noted as %v", us, got)
		}
	}
}

func TestPushesAreOfOneLengthAndDiffer(t *testing.T) {
	p := newPushes(settings{path: "/x", header: "X-Signature", secret: []byte("0123456789abcdef")}, "127.0.0.1:1", 0)
	if len(p.body) != bodyBytes || len(p.digests) != 1 || len(p.repositories) != 3 {
		t.Fatalf("body of %d bytes with %d digests and %d repositories", len(p.body), len(p.digests), len(p.repositories))
	}
	if first := string(p.next()); first == string(p.next()) {
		t.Fatal("the same push twice")
	}
}
