using System.Net.NetworkInformation;

namespace Ssb.Conn.Net;

/// <summary>The system's notices of changes of the network, as long as it gives them. Thread-safe.</summary>
/// <param name="changed">Told of each change, on any thread.</param>
/// <param name="problems">Told while there are none to be had.</param>
internal sealed class NetworkChanges(NetworkAddressChangedEventHandler changed, LanProblems problems) : IDisposable
{
    /// <summary>The subject of the problem.</summary>
    public const string Subject = "notices of network changes";

    private readonly Lock _gate = new();
    private bool _isOn, _isOver; // under _gate

    /// <summary>Asks for them, if that has not been done. To be tried again from time to time, since the system may have no descriptors
    /// left at first.</summary>
    public void TryBegin()
    {
        lock (_gate)
        {
            if (_isOn || _isOver)
                return;
            try
            {
                Subscribe(changed);
                _isOn = true;
            }
            catch (Exception e) when (HostNetwork.IsUnreadable(e))
            {
                problems.Report(Subject,
                    $"This system does not tell of changes of the network: {FailureText.Of(e)}. They are noticed when the cards are read.");
                return;
            }
        }

        problems.Clear(Subject);
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isOver = true;
            if (_isOn)
                NetworkChange.NetworkAddressChanged -= changed;
            _isOn = false;
        }
    }

    /// <summary>Asks the system; a test replaces it.</summary>
    internal Action<NetworkAddressChangedEventHandler> Subscribe { private get; init; } =
        static handler => NetworkChange.NetworkAddressChanged += handler;
}
