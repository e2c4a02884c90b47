// The peer: the same routes, headers and bodies as Fluxor, on fasthttp, the engine of the Go runtime it follows.
//
// What is compared is two engines that do the same work.  So the documents come from files that hold what Fluxor
// answered (--hello, --status), numbers in the status document are put in anew for each request, and an echo is only
// given to valid JSON.  Everything else is fasthttp as one would use it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

// A document with numbers that are written at each request: text, number, text, ..., text.
type template struct {
	text    []string
	numbers []int64
	isTime  []bool
}

var member = regexp.MustCompile(`"(\w+)":\s*(\d+)\b`)

func parse(document string) template {
	var parsed template
	rest := 0
	for _, at := range member.FindAllStringSubmatchIndex(document, -1) {
		number, err := strconv.ParseInt(document[at[4]:at[5]], 10, 64)
		if err != nil {
			continue
		}
		parsed.text = append(parsed.text, document[rest:at[4]])
		parsed.numbers = append(parsed.numbers, number)
		parsed.isTime = append(parsed.isTime, document[at[2]:at[3]] == "time")
		rest = at[5]
	}
	parsed.text = append(parsed.text, document[rest:])
	return parsed
}

func (t *template) writeTo(response *fasthttp.Response) {
	var digits [20]byte
	for i, number := range t.numbers {
		if t.isTime[i] {
			number = time.Now().Unix()
		}
		response.AppendBodyString(t.text[i])
		response.AppendBody(strconv.AppendInt(digits[:0], number, 10))
	}
	response.AppendBodyString(t.text[len(t.text)-1])
}

func contents(file, otherwise string) string {
	if file == "" {
		return otherwise
	}
	document, err := os.ReadFile(file)
	if err != nil {
		fail(err)
	}
	return string(document)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "fasthttp:", err)
	os.Exit(1)
}

func main() {
	port := flag.Int("port", 0, "0: any free one")
	address := flag.String("address", "127.0.0.1", "")
	helloFile := flag.String("hello", "", "the body of GET /")
	statusFile := flag.String("status", "", "the body of GET /api/status")
	server := flag.String("server-name", "", "the Server header; none if empty")
	flag.Parse()

	hello := []byte(contents(*helloFile, `{"message":"Hello, World!"}`))
	status := parse(contents(*statusFile, `{"status":"ok","time":0,"version":"0","uptime":0,"loops":1}`))

	handler := func(ctx *fasthttp.RequestCtx) {
		ctx.SetContentType("application/json")
		switch path := string(ctx.Path()); {
		case path == "/" && ctx.IsGet():
			ctx.SetBody(hello)
		case path == "/api/status" && ctx.IsGet():
			status.writeTo(&ctx.Response)
		case path == "/api/echo" && ctx.IsPost():
			sent := ctx.PostBody()
			if !json.Valid(sent) {
				ctx.SetStatusCode(fasthttp.StatusBadRequest)
				ctx.SetBodyString(`{"code":"INVALID_JSON","error":"invalid json","message":"The body is not valid JSON."}`)
				return
			}
			ctx.Response.AppendBodyString(`{"echo":`)
			ctx.Response.AppendBody(sent)
			ctx.Response.AppendBodyString(`,"message":"Echo successful"}`)
		default:
			ctx.SetStatusCode(fasthttp.StatusNotFound)
			ctx.SetBodyString(`{"code":"NOT_FOUND","error":"not found","message":"There is no such route."}`)
		}
	}

	listener, err := net.Listen("tcp4", fmt.Sprintf("%s:%d", *address, *port))
	if err != nil {
		fail(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-stop
		os.Exit(0)
	}()
	fmt.Fprintf(os.Stderr, "listening on %s\n", listener.Addr())
	peer := &fasthttp.Server{Handler: handler, Name: *server, NoDefaultServerHeader: *server == ""}
	fail(peer.Serve(listener))
}
