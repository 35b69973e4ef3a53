// opa <folder> <flat|tenant> <policies.rego> <count>: OPA embedded as a library, a query prepared once, asked for each image in turn.
// Prints a line of JSON: what it took, and what it decided.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func read(path string, into any) {
	must(0, json.Unmarshal(must(os.ReadFile(path)), into))
}

type decided struct {
	Policy  string   `json:"policy"`
	Allow   bool     `json:"allow"`
	Targets []string `json:"targets"`
}

func main() {
	folder, arrangement, module, count := os.Args[1], os.Args[2], os.Args[3], must(strconv.Atoi(os.Args[4]))
	var data map[string]any
	var images []any
	read(filepath.Join(folder, "data.json"), &data)
	read(filepath.Join(folder, "images.json"), &images)
	inputs := make([]ast.Value, len(images))
	for i, image := range images {
		inputs[i] = must(ast.InterfaceToValue(image))
	}

	ctx := context.Background()
	begun := time.Now()
	// Values as the evaluation wants them: OPA's own way to trade memory for speed.
	store := inmem.NewFromObjectWithOpts(data, inmem.OptReturnASTValuesOnRead(true), inmem.OptRoundTripOnWrite(false))
	query := must(rego.New(
		rego.Query("data.placement."+arrangement),
		rego.Module(module, string(must(os.ReadFile(module)))),
		rego.Store(store),
	).PrepareForEval(ctx))
	prepareMs := time.Since(begun).Milliseconds()

	evaluate := func(i int) any {
		results := must(query.Eval(ctx, rego.EvalParsedInput(inputs[i%len(inputs)])))
		if len(results) == 0 {
			return nil // Undefined: no policy matches.
		}
		return results[0].Expressions[0].Value
	}
	for i := 0; i < count/10; i++ {
		evaluate(i)
	}
	us := make([]float64, count)
	begun = time.Now()
	for i := range us {
		at := time.Now()
		evaluate(i)
		us[i] = float64(time.Since(at).Nanoseconds()) / 1e3
	}
	seconds := time.Since(begun).Seconds()
	sort.Float64s(us)

	decisions := make([]*decided, 200)
	for i := range decisions {
		if value := evaluate(i); value != nil {
			must(0, json.Unmarshal(must(json.Marshal(value)), &decisions[i]))
		}
	}
	info, _ := debug.ReadBuildInfo()
	version := ""
	for _, dependency := range info.Deps {
		if strings.HasSuffix(dependency.Path, "open-policy-agent/opa") {
			version = dependency.Version
		}
	}
	must(0, json.NewEncoder(os.Stdout).Encode(map[string]any{
		"version": version, "evaluations": count, "prepareMs": prepareMs, "decisions": decisions,
		"p50Us": us[count/2], "p99Us": us[count*99/100], "perSecond": float64(count) / seconds,
	}))
}
