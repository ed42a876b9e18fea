using System.Text.Json;

namespace Ssb.Conn.Benchmarks;

/// <summary>Calls, messages and idle connections over the whole stack (TCP, secret handshake, box stream, muxrpc), the server in one
/// process and the client in another.</summary>
/// <remarks>So far the npm stack alone, and bare TCP of ours: a child of this program echoes, this process asks.</remarks>
internal static class MuxrpcBenchmarks
{
    private const int Rounds = 9;
    private const int Connections = 1_000;
    private static readonly int[] s_parallel = [1, 256];

    public static void Run(NpmSide? npmServer)
    {
        using ChildProcess ourServer = WireEnd.StartChild();
        using var ourClient = new WireEnd();
        int echo = ourServer.Ask("echo").GetInt32();
        double[] ping = Measure.Turns(Rounds, () => ourClient.Ask("ping", ("port", echo), ("count", 5_000)).GetDouble())[0];
        Table.WriteBaseline("100 bytes there and back over bare TCP, one at a time", Table.Rate(Measure.Median(ping)));

        if (npmServer is null)
            return;
        using NpmSide npmClient = NpmSide.Start("wire-side.js", out _)!; // as the server was there, so is this
        Speeds("npm to npm", npmServer, npmClient, noDelay: true);
        Connect(npmServer, npmClient, noDelay: false);
        Table.WriteBaseline("calls, npm to npm as it comes (without setNoDelay), 1 at a time", Table.Rate(Ask(npmClient, "calls", 30, parallel: 1)));
        // Of a new process: one that has worked has free memory that its connections would move into.
        using NpmSide idleServer = NpmSide.Start("wire-side.js", out _)!;
        Table.WriteBaseline($"memory of an idle connection, at {Connections:N0}, npm", $"{MemoryOfOne(idleServer, npmClient) / 1024:N0} KiB");
    }

    // Any server with any client: each of them ours or npm's.
    private static void Speeds(string who, IWorker server, IWorker client, bool noDelay)
    {
        Connect(server, client, noDelay);
        foreach (int parallel in s_parallel)
        {
            int count = parallel == 1 ? 1_000 : 5_000;
            double[] calls = Measure.Turns(Rounds, () => Ask(client, "calls", count, parallel))[0];
            Table.WriteBaseline($"calls, {who}, {parallel} at a time", Table.Rate(Measure.Median(calls)));
        }

        double[] messages = Measure.Turns(Rounds, () => Ask(client, "messages", 10_000))[0];
        Table.WriteBaseline($"messages through one source, {who}", Table.Rate(Measure.Median(messages)));
    }

    private static double Ask(IWorker client, string job, int count, int parallel = 1) =>
        client.Ask(job, ("count", count), ("parallel", parallel)).GetDouble();

    private static (int Port, string Key) Connect(IWorker server, IWorker client, bool noDelay)
    {
        JsonElement address = server.Ask("serve", ("noDelay", noDelay));
        (int Port, string Key) at = (address.GetProperty("port").GetInt32(), address.GetProperty("key").GetString()!); // "serve" always says its key
        client.Ask("connect", ("port", at.Port), ("key", at.Key), ("noDelay", noDelay));
        return at;
    }

    // The first hundred warm the server up.
    private static double MemoryOfOne(IWorker server, IWorker client)
    {
        (int port, string key) = Connect(server, client, noDelay: true);
        Hold(100);
        (double before, int peers) = Memory();
        Hold(Connections);
        (double after, int peersAfter) = Memory();
        CheckBenchmarks.Expect(peersAfter - peers == Connections);
        return (after - before) / Connections;

        void Hold(int count) => client.Ask("hold", ("port", port), ("key", key), ("count", count));

        (double Bytes, int Peers) Memory()
        {
            JsonElement memory = server.Ask("memory");
            return (memory.GetProperty("bytes").GetDouble(), memory.GetProperty("peers").GetInt32());
        }
    }
}
