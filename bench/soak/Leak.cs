using System.Net.Sockets;
using Ssb.Conn.Net;

namespace Ssb.Conn.Soak;

/// <summary>Faults that a soak can be given on purpose: one thing that stays for each caller.</summary>
internal enum Leak
{
    None,
    Heap,
    Handles,
    Timers,
    Tasks,
    Threads,

    /// <summary>The address book loses a peer, now and then.</summary>
    Book,
}

/// <summary>Leaks, if asked to.</summary>
internal sealed class Leaks(Leak leak)
{
    private readonly List<object> _kept = [];

    public void OnConnected(SsbPeer peer)
    {
        if (leak is Leak.None or Leak.Book)
            return;
        lock (_kept)
            _kept.Add(Make(peer));
    }

    /// <summary>Called once for each change of the address book.</summary>
    public void OnBook(SsbPeer peer, string address)
    {
        if (leak != Leak.Book)
            return;
        lock (_kept)
        {
            _kept.Add(address);
            if (_kept.Count % 100 == 0)
                peer.Conn.Db.Delete(address);
        }
    }

    private object Make(SsbPeer peer) => leak switch
    {
        Leak.Handles => new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp),
        Leak.Timers => TimeProvider.System.CreateTimer(static _ => { }, null, TimeSpan.FromHours(3), Timeout.InfiniteTimeSpan),
        Leak.Tasks => peer.Network.ConnectAsync(peer.Addresses[0]), // ourselves; nobody hangs up
        Leak.Threads => StartThread(),
        _ => new byte[64 * 1024],
    };

    private static Thread StartThread()
    {
        var thread = new Thread(static () => new ManualResetEvent(false).WaitOne()) { IsBackground = true };
        thread.Start();
        return thread;
    }
}
