using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Ssb.Wire;

namespace Ssb.Conn.Benchmarks;

/// <summary>A whole peer in a process of its own, and its owner's connection with it.</summary>
internal sealed class RunningPeer : IDisposable
{
    private readonly Process _process;
    private readonly string _folder;
    private readonly KeyPair _keys;
    private readonly int _port;

    private RunningPeer(Process process, string folder, KeyPair keys, int port, RpcConnection owner, TimeSpan untilFirstAnswer) =>
        (_process, _folder, _keys, _port, Owner, UntilFirstAnswer) = (process, folder, keys, port, owner, untilFirstAnswer);

    /// <summary>The owner's connection.</summary>
    public RpcConnection Owner { get; }

    /// <summary>From the start of the process until the owner's first call, made as soon as anybody answers there, was answered.</summary>
    public TimeSpan UntilFirstAnswer { get; }

    /// <summary>Bytes resident now.</summary>
    public long Resident
    {
        get
        {
            _process.Refresh();
            return _process.WorkingSet64;
        }
    }

    /// <param name="command">What starts it, given its folder and its port on 127.0.0.1.</param>
    public static async Task<RunningPeer> StartAsync(Func<string, int, string[]> command)
    {
        string folder = Directory.CreateTempSubdirectory("ssb-conn-bench").FullName;
        KeyPair keys = SecretFile.Create(Path.Combine(folder, "secret"));
        int port = FreePort();
        string[] words = command(folder, port);
        long start = Stopwatch.GetTimestamp();
        Process process = ChildProcess.Run(words[0], words[1..]);
        process.OutputDataReceived += static (_, _) => { }; // what it says is not wanted, but must not fill the pipe
        process.BeginOutputReadLine();
        while (true)
        {
            try
            {
                RpcConnection owner = await DialAsync(port, keys, keys.Id);
                await owner.CallAsync("conn.dbPeers");
                return new RunningPeer(process, folder, keys, port, owner, Stopwatch.GetElapsedTime(start));
            }
            catch (SocketException) when (!process.HasExited && Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(60))
            {
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System); // it does not listen yet
            }
        }
    }

    /// <summary>Somebody else's connection with it.</summary>
    public Task<RpcConnection> DialAsync(KeyPair who) => DialAsync(_port, who, _keys.Id);

    public void Dispose()
    {
        Owner.DisposeAsync().AsTask().Wait();
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        _keys.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static async Task<RpcConnection> DialAsync(int port, KeyPair who, FeedId peer)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, port);
            return RpcConnection.Start(await SecretHandshake.ConnectAsync(new NetworkStream(socket, ownsSocket: true), who, peer));
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port; // bound, so it has one
    }
}
