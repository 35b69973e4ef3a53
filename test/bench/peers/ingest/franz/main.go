// A webhook receiver in Go: net/http and franz-go. It looks for the key in the body and appends the bytes as they are, with acks=all;
// it proves nothing, encodes nothing and makes no events.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type push struct {
	EventData struct {
		Repository struct {
			FullName string `json:"repo_full_name"`
		} `json:"repository"`
	} `json:"event_data"`
}

func main() {
	address := flag.String("address", "", "host:port to listen on")
	brokers := flag.String("brokers", "", "a broker")
	topic := flag.String("topic", "", "a topic")
	linger := flag.Duration("linger", 0, "how long the client waits for company")
	flag.Parse()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(*brokers),
		kgo.DefaultProduceTopic(*topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(*linger),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
	)
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /ingest", func(writer http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		var told push
		if err != nil || json.Unmarshal(body, &told) != nil || told.EventData.Repository.FullName == "" {
			writer.WriteHeader(http.StatusBadRequest)
			return
		}
		ctx, cancel := context.WithTimeout(request.Context(), 5*time.Second)
		defer cancel()
		record := &kgo.Record{Key: []byte(told.EventData.Repository.FullName), Value: body}
		if client.ProduceSync(ctx, record).FirstErr() != nil {
			writer.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		writer.WriteHeader(http.StatusAccepted)
	})
	log.Fatal(http.ListenAndServe(*address, nil))
}
