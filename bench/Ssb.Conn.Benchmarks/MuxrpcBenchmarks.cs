using System.Text.Json;

namespace Ssb.Conn.Benchmarks;

/// <summary>Calls, messages and idle connections over the whole stack (TCP, secret handshake, box stream, muxrpc), the server in one
/// process and the client in another.</summary>
/// <remarks>Our server is a child of this program, and this process the client; npm's are two Node processes.</remarks>
internal static class MuxrpcBenchmarks
{
    private const int Rounds = 9;
    private const int Connections = 1_000;

    public static void Run(Table table, NpmSide? npmServer)
    {
        using ChildProcess ourServer = WireEnd.StartChild();
        using var ourClient = new WireEnd();
        Connect(ourServer, ourClient, noDelay: true);
        int echo = ourServer.Ask("echo").GetInt32();
        double[][] one = Measure.Turns(Rounds, () => Ask(ourClient, "calls", 5_000), () => ourClient.Ask("ping", ("port", echo), ("count", 5_000)).GetDouble());
        table.AtMost("a call, one at a time, against 100 bytes there and back over bare TCP",
            Table.Ns(Measure.Median(one[0])), Table.Ns(Measure.Median(one[1])), Measure.Ratio(one[0], one[1]), 2.5);
        if (npmServer is null)
            return;

        using NpmSide npmClient = NpmSide.Start("wire-side.js", out _)!; // as the server was there, so is this
        Connect(npmServer, npmClient, noDelay: true);
        Row("calls, one at a time, against npm with setNoDelay", "calls", ours: 5_000, npms: 1_000, parallel: 1, limit: 3);
        Row("calls, 256 at a time, against npm with setNoDelay", "calls", ours: 50_000, npms: 5_000, parallel: 256, limit: 5);
        Row("messages through one source, against npm", "messages", ours: 100_000, npms: 10_000, parallel: 1, limit: 5);

        Connect(npmServer, npmClient, noDelay: false);
        Table.WriteBaseline("calls, one at a time, of npm as it comes (without setNoDelay)", Table.Rate(Ask(npmClient, "calls", 30)));
        // Of new processes: one that has worked has free memory that its connections would move into.
        using NpmSide npmIdle = NpmSide.Start("wire-side.js", out _)!;
        using ChildProcess ourIdle = WireEnd.StartChild();
        double npmMemory = MemoryOfOne(npmIdle, npmClient), ourMemory = MemoryOfOne(ourIdle, npmClient);
        table.AtMost($"memory of an idle connection, at {Connections:N0}, against npm",
            $"{ourMemory / 1024:N1} KiB", $"{npmMemory / 1024:N1} KiB", ourMemory / npmMemory, 1 / 3.0);

        void Row(string what, string job, int ours, int npms, int parallel, double limit)
        {
            double[][] times = Measure.Turns(Rounds, () => Ask(ourClient, job, ours, parallel), () => Ask(npmClient, job, npms, parallel));
            table.AtLeast(what, Table.Rate(Measure.Median(times[0])), Table.Rate(Measure.Median(times[1])), Measure.Ratio(times[1], times[0]), limit);
        }
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
