// A peer of ours, for the tests to run inside a network namespace. One JSON object a line on stdin asks, one on stdout answers
// or tells; the end of stdin ends it.
//   {"do":"discover","network":BASE64?,"legacy":BOOL?,"capacity":N?,"sourceCapacity":N?}   -> {"discovering":true}, and from then on
//       {"change":"Inserted|Updated|Removed","address":...,"verified":...,"source":...,"birth":MS,"updated":MS,"at":MS,"reason":...?}
//   {"do":"announce","seed":N,"address":...,"network":BASE64?,"legacy":BOOL?,"interval":MS?}  -> {"announcing":true}
//   {"do":"silence"}   -> {"silent":true}
//   {"do":"status"}    -> {"status":{...}}
//   {"do":"flood",...} -> {"flooded":N,"seconds":S}      see FloodOptions
using System.Text.Json;
using System.Text.Json.Nodes;
using Interop.LanPeer;

await using var peer = new Peer();
while (await Console.In.ReadLineAsync() is { } line)
{
    JsonElement ask = JsonElement.Parse(line);
    JsonObject answer = ask.GetProperty("do").GetString() switch
    {
        "discover" => peer.Discover(ask),
        "announce" => peer.Announce(ask),
        "silence" => await peer.SilenceAsync(),
        "status" => peer.Status(),
        "flood" => await Flood.RunAsync(FloodOptions.Read(ask)),
        var other => throw new ArgumentException($"Nobody can do '{other}'."),
    };
    Output.Say(answer);
}
