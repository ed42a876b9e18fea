using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Ssb.Conn.Net;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers an SSB peer, and the check of its health, with the generic host.</summary>
public static class SsbConnServiceCollectionExtensions
{
    internal const string Section = "Ssb";

    /// <summary>Runs an SSB peer with the host; <see cref="SsbPeerHost"/>, a singleton, has it.</summary>
    /// <remarks>The peer's log is of category <c>Ssb.Conn</c>. The host's loggers and a <see cref="TimeProvider"/> among its services are used unless the options
    /// have their own. There must be a <see cref="SsbPeerOptions.Folder"/> or <see cref="SsbPeerOptions.Keys"/>, or
    /// <see cref="SsbPeerOptions.InMemory"/> says that the identity is a new one at each start; else the host does not start. A folder, and the path of a
    /// socket, that are relative belong to the content root.</remarks>
    /// <param name="services">Where it is registered.</param>
    /// <param name="options">How the peer is set up, asked for when the host starts; null: as the section <c>Ssb</c> of the host's configuration says
    /// (<see cref="SsbPeerConfiguration.GetSsbPeerOptions"/>).</param>
    /// <exception cref="InvalidOperationException">There is a peer already: its options would be lost.</exception>
    public static IServiceCollection AddSsbConn(this IServiceCollection services, Func<IServiceProvider, SsbPeerOptions>? options = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (services.Any(s => s.ServiceType == typeof(SsbPeerHost)))
            throw new InvalidOperationException("AddSsbConn was called already: a host runs one SSB peer.");
        services.AddSingleton(provider => new SsbPeerHost(provider, options ?? Configured, isConfigured: options is null));
        // Once, also where somebody has removed the peer and adds another.
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, SsbPeerService>());
        return services;
    }

    /// <inheritdoc cref="AddSsbConn(IServiceCollection, Func{IServiceProvider, SsbPeerOptions})" path="/summary|/remarks|/exception"/>
    /// <param name="services">Where it is registered.</param>
    /// <param name="options">How the peer is set up.</param>
    public static IServiceCollection AddSsbConn(this IServiceCollection services, SsbPeerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return services.AddSsbConn(_ => options);
    }

    /// <summary>Checks the peer of <see cref="AddSsbConn(IServiceCollection, Func{IServiceProvider, SsbPeerOptions})"/>: healthy while it runs, degraded while its
    /// address book cannot be written, or its LAN discovery has failed. The data are counts, each a number: <c>connections</c>, <c>staged</c>, <c>known</c>, and those of
    /// <see cref="PeerNetworkCounters"/>; and <c>id</c>.</summary>
    /// <param name="builder">Where it is registered.</param>
    /// <param name="name">What the check is called.</param>
    /// <param name="failureStatus">What a peer that does not run is; null: unhealthy.</param>
    /// <param name="tags">By which checks are chosen.</param>
    public static IHealthChecksBuilder AddSsbConn(this IHealthChecksBuilder builder, string name = "ssb", HealthStatus? failureStatus = null, IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Add(new HealthCheckRegistration(name, static provider => new SsbPeerHealthCheck(provider.GetRequiredService<SsbPeerHost>()), failureStatus, tags));
    }

    private static SsbPeerOptions Configured(IServiceProvider services) =>
        services.GetService<IConfiguration>()?.GetSection(Section).GetSsbPeerOptions() ?? new SsbPeerOptions();
}
