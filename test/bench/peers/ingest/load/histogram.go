package main

import (
	"math/bits"
	"time"
)

// histogram counts microseconds in buckets whose width is at most a 64th of their value.
type histogram struct {
	counts [64 * 32]int64
	max    time.Duration
}

const subBuckets = 64

func bucketOf(us uint64) int {
	if us < subBuckets {
		return int(us)
	}
	exponent := bits.Len64(us) - 7 // 0 for 64 to 127.
	return subBuckets*(exponent+1) + int(us>>exponent) - subBuckets
}

// upperUs is the largest value of a bucket.
func upperUs(bucket int) float64 {
	if bucket < subBuckets {
		return float64(bucket)
	}
	exponent := bucket/subBuckets - 1
	return float64(uint64(bucket%subBuckets+subBuckets+1)<<exponent - 1)
}

func (h *histogram) note(latency time.Duration) {
	us := uint64(max(0, latency.Microseconds()))
	h.counts[min(bucketOf(us), len(h.counts)-1)]++
	h.max = max(h.max, latency)
}

func (h *histogram) add(other *histogram) {
	for bucket, count := range other.counts {
		h.counts[bucket] += count
	}
	h.max = max(h.max, other.max)
}

// quantiles are in milliseconds.
type quantiles struct {
	P50  float64 `json:"p50Ms"`
	P99  float64 `json:"p99Ms"`
	P999 float64 `json:"p999Ms"`
	Max  float64 `json:"maxMs"`
}

func (h *histogram) quantiles() quantiles {
	total := int64(0)
	for _, count := range h.counts {
		total += count
	}
	at := func(share float64) float64 {
		left := int64(share * float64(total))
		for bucket, count := range h.counts {
			if left -= count; left < 0 {
				return upperUs(bucket) / 1_000
			}
		}
		return float64(h.max.Microseconds()) / 1_000
	}
	return quantiles{P50: at(0.5), P99: at(0.99), P999: at(0.999), Max: float64(h.max.Microseconds()) / 1_000}
}
