using System.Net.Sockets;
using Ssb.Conn.Net;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Starting;

/// <summary>Embedded peers on this computer that announce themselves, take calls, leave and return, so that there is somebody to meet where no SSB is near.</summary>
/// <remarks>They are whole peers, on 127.0.0.1, in a network of their own. They dial nobody.</remarks>
internal sealed class NeighbourPeers : IDisposable
{
    private readonly KeyPair[] _keys;
    private readonly Random[] _habits;
    private readonly TimeProvider _time;

    /// <summary>Makes them; none lives yet.</summary>
    /// <param name="count">How many.</param>
    /// <param name="seed">Gives the same keys and habits each time; null for new ones.</param>
    /// <param name="network">The network that they are in.</param>
    /// <param name="time">The clock.</param>
    public NeighbourPeers(int count, int? seed, NetworkKey network, TimeProvider time)
    {
        _time = time;
        Lan = Neighbours.LanFor(count, network, time);
        var random = seed is { } given ? new Random(given) : new Random();
        _keys = new KeyPair[count];
        _habits = new Random[count];
        for (int i = 0; i < count; i++)
        {
            _keys[i] = Neighbours.NextIdentity(random);
            _habits[i] = new Random(random.Next()); // one for each, as they live at the same time
        }
    }

    /// <summary>Told what goes wrong with one that has lived.</summary>
    public StateLog? States { private get; set; }

    /// <summary>Where they are to be heard.</summary>
    public LanOptions Lan { get; }

    /// <summary>Lets them live until cancelled.</summary>
    /// <exception cref="FailedException">One of them cannot.</exception>
    public async Task LiveAsync(CancellationToken cancellationToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] lives = [.. Enumerable.Range(0, _keys.Length).Select(i => LiveAsync(i, over.Token))];
        try
        {
            await Together.RunAsync(lives);
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            throw new FailedException($"the neighbours cannot live here: {(e is SocketException ? FailureText.Of(e) : e.Message)}", e);
        }
        finally
        {
            await over.CancelAsync();
            await Task.WhenAll(lives).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // who is there says goodbye
        }
    }

    public void Dispose()
    {
        foreach (KeyPair keys in _keys)
            keys.Dispose();
    }

    private async Task LiveAsync(int index, CancellationToken cancellationToken)
    {
        Random habits = _habits[index];
        int port = 0; // any, and that one again: who returns is known by the address

        // The first comes at once and leaves soon, so that within seconds somebody is seen to come and to go.
        await PauseAsync(index == 0 ? 0.2 : 0.5, index == 0 ? 0.8 : 5);
        for (bool isFirst = true; ; isFirst = false)
        {
            try
            {
                await using SsbPeer peer = await StartAsync(_keys[index], port, cancellationToken);
                port = peer.Addresses[0].Routes[0].Port!.Value; // it listens at one, which has a port
                await using var announcer = new LanAnnouncer(Lan, _keys[index], peer.Addresses);
                announcer.Start();
                await PauseAsync(isFirst && index == 0 ? 6 : 15, isFirst && index == 0 ? 9 : 60);
            }
            catch (Exception e) when (!isFirst && !cancellationToken.IsCancellationRequested)
            {
                States?.Happened("neighbours", "A neighbour could not return; it tries again.", e);
            }

            await PauseAsync(5, 20);
        }

        Task PauseAsync(double least, double most) => Task.Delay(TimeSpan.FromSeconds(least + habits.NextDouble() * (most - least)), _time, cancellationToken);
    }

    private async Task<SsbPeer> StartAsync(KeyPair keys, int port, CancellationToken cancellationToken)
    {
        var options = new SsbPeerOptions
        {
            Keys = keys,
            NetworkKey = Lan.NetworkKey,
            Listen = [$"net:127.0.0.1:{port}~shs"],
            Conn = new ConnPluginOptions { Autostart = false },
            TimeProvider = _time,
        };
        try
        {
            return await SsbPeer.StartAsync(options, cancellationToken);
        }
        catch (Exception e) when (port > 0 && e is IOException or SocketException)
        {
            return await SsbPeer.StartAsync(options with { Listen = ["net:127.0.0.1:0~shs"] }, cancellationToken); // somebody took it meanwhile
        }
    }
}
