package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"math/rand/v2"
	"strings"
	"time"
)

const bodyBytes = 2048

// Places in the template: always as long as what is put there.
const (
	digestPlace     = "DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD"
	repositoryPlace = "RR"
	signaturePlace  = "SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS"
)

// pushes makes requests of one connection. Each names a digest of its own; 64 repositories take turns.
type pushes struct {
	request      []byte
	body         []byte
	digests      [][]byte
	repositories [][]byte
	signature    []byte
	mac          hash.Hash
	random       *rand.PCG
	count        uint64
}

func newPushes(options settings, target string, index uint64) *pushes {
	body := harborPush(time.Now().Unix())
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: %d\r\n"+
		"Content-Type: application/json\r\n%s: sha256=%s\r\nAccept-Encoding: gzip\r\n\r\n",
		options.path, target, len(body), options.header, signaturePlace)
	request := []byte(head + body)
	p := &pushes{
		request: request, body: request[len(head):], mac: hmac.New(sha256.New, options.secret),
		random: rand.NewPCG(options.seed, index+1_000), count: index,
	}
	p.digests = places(p.body, digestPlace)
	p.repositories = places(p.body, "service-"+repositoryPlace)
	p.signature = places(request[:len(head)], signaturePlace)[0]
	return p
}

// places are the parts of a request in which a placeholder stands.
func places(in []byte, place string) [][]byte {
	var found [][]byte
	for from := 0; ; {
		at := strings.Index(string(in[from:]), place)
		if at < 0 {
			return found
		}
		found = append(found, in[from+at:from+at+len(place)])
		from += at + len(place)
	}
}

// next is good until it is called again.
func (p *pushes) next() []byte {
	var digest [64]byte
	for at := 0; at < len(digest); at += 16 {
		value := p.random.Uint64()
		for digit := range 16 {
			digest[at+digit] = "0123456789abcdef"[value>>(4*digit)&15]
		}
	}
	for _, place := range p.digests {
		copy(place, digest[:])
	}
	p.count += 7 // No divisor of 64, so that a connection comes to all of them.
	for _, place := range p.repositories {
		place[len(place)-2], place[len(place)-1] = byte('0'+p.count%64/10), byte('0'+p.count%64%10)
	}
	p.mac.Reset()
	p.mac.Write(p.body)
	var sum [sha256.Size]byte
	hex.Encode(p.signature, p.mac.Sum(sum[:0]))
	return p.request
}

// harborPush is Harbor's default format. A push has about 600 bytes; labels make it 2 KiB.
func harborPush(unixSeconds int64) string {
	name := "service-" + repositoryPlace
	host := "harbor.example.com:8443"
	labels := ""
	write := func(padding string) string {
		return fmt.Sprintf(`{"type":"PUSH_ARTIFACT","occur_at":%d,"operator":"robot$team+ci","event_data":{"resources":[{"digest":"sha256:%s",`+
			`"tag":"1.4.2","resource_url":"%s/team/%s:1.4.2"}],"repository":{"date_created":1722940000,"name":"%s","namespace":"team",`+
			`"repo_full_name":"team/%s","repo_type":"private"},"custom_attributes":{%s"Padding":"%s"}}}`,
			unixSeconds, digestPlace, host, name, name, name, labels, padding)
	}
	for index := 0; len(write("")) < bodyBytes-120; index++ {
		labels += fmt.Sprintf(`"Label%d":"org.example.team=payments;stage=%d;note=\"built by ci\"",`, index, index)
	}
	return write(strings.Repeat("x", bodyBytes-len(write(""))))
}
