// ExchangeMessages PORT [ADDRESS to connect to | @FEED to refuse]...   Each line that is typed is posted; the end of them ends it.
using ExchangeMessages;
using Ssb;
using Ssb.Conn;
using Ssb.Conn.Net;
using Ssb.Wire;

// The feeds are in memory, so the identity is as well: one that came back without its feed would begin it twice, which others call a fork.
using var keys = KeyPair.Generate();
var feeds = new Feeds();
Console.WriteLine(feeds.Post(keys, "Hello from .NET ☃"));

HashSet<FeedId> refused = [.. args.Where(a => a.StartsWith('@')).Select(a => FeedId.Parse(a))];
await using SsbPeer peer = await SsbPeer.StartAsync(new SsbPeerOptions
{
    Keys = keys,
    Listen = [$"net:127.0.0.1:{args[0]}~shs"],
    Api = new RpcApi().Source("createHistoryStream", (call, ended) => HistoryStream.Serve(feeds, call, ended)), // a procedure of ours,
    AllowStrangers = ["createHistoryStream"], // which everybody may call
    MayConnect = (attempt, _) => new(!refused.Contains(attempt.FeedId)), // asked before they are let in, and before they are dialled
    OnConnected = async (connection, ended) =>
    {
        RpcValue missing = HistoryStream.Request(connection.FeedId, feeds.LengthOf(connection.FeedId) + 1);
        await foreach (RpcValue message in connection.Rpc.Source("createHistoryStream", [missing]).WithCancellation(ended))
        {
            connection.NotifyDownload(); // nobody is disconnected in the middle of it
            bool isTaken = feeds.TryAdd(connection.FeedId, message.AsJson(), out string result);
            Console.WriteLine(result);
            if (!isTaken)
                await connection.CloseAsync(ended);
        }
    },
});

foreach (string address in args.Skip(1).Where(a => !a.StartsWith('@')))
    await peer.Conn.ConnectAsync(address);
while (await Console.In.ReadLineAsync() is { } line)
    Console.WriteLine(feeds.Post(keys, line));
