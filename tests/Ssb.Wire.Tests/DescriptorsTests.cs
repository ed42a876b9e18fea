using System.Net.Sockets;

namespace Ssb.Wire.Tests;

public class DescriptorsTests
{
    [Fact]
    public void Limit_OfThisProcess_IsWhatTheSystemSays()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The limit is looked up in /proc, which only Linux has.");
        string line = File.ReadLines("/proc/self/limits").Single(line => line.StartsWith("Max open files", StringComparison.Ordinal));
        string current = line["Max open files".Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];

        Assert.Equal(current == "unlimited" ? int.MaxValue : (int)Math.Min(int.MaxValue, long.Parse(current)), Descriptors.Limit);
    }

    [Fact]
    public void MayOpen_ReserveOfAll_GivesNoneToAnybody()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no limit of descriptors.");
        var all = new Descriptors(Descriptors.Limit);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);

        Assert.All(Enum.GetValues<DescriptorUse>(), use =>
        {
            Assert.False(all.MayOpen(use));
            Assert.False(all.MayKeep(socket.SafeHandle, use));
            Assert.Equal(0, all.LeftFor(use));
        });
    }

    [Fact]
    public void LeftFor_EachUse_CallersGiveWayFirst()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no limit of descriptors.");
        var descriptors = new Descriptors(reserve: 40);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        int[] left = [.. Enum.GetValues<DescriptorUse>().Select(descriptors.LeftFor)];

        Assert.True(descriptors.MayKeep(socket.SafeHandle, DescriptorUse.Caller));
        Assert.True(left[0] < left[1] && left[1] < left[2], string.Join(' ', left));
    }
}
